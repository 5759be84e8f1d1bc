# CORUN_SDK: the folder sdk/ of `make dist`, for a machine with CMake and a C++ compiler but none of
# Debian's packages. Only the programs that need LibTorch are built then: those that `make dist`
# leaves out. Its libraries are used from their headers alone (tools/make_sdk.py).
set(CORUN_SDK "" CACHE PATH "Folder sdk/ of make dist: build only what needs LibTorch, against it")
if(NOT CORUN_SDK)
  return()
endif()
if(NOT EXISTS ${CORUN_SDK}/include/fmt/format.h)
  message(FATAL_ERROR "CORUN_SDK: there is no include/fmt/format.h in '${CORUN_SDK}'; "
    "give the folder sdk/ of an unpacked `make dist`")
endif()
set(BUILD_TESTING OFF CACHE BOOL "" FORCE)
set(CORUN_WERROR OFF CACHE BOOL "" FORCE)  # that machine's compiler may know further warnings

find_package(Threads REQUIRED)
foreach(library fmt::fmt spdlog::spdlog nlohmann_json::nlohmann_json CLI11::CLI11 Boost::headers)
  add_library(${library} INTERFACE IMPORTED)
  target_include_directories(${library} SYSTEM INTERFACE ${CORUN_SDK}/include)
endforeach()
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)
target_compile_definitions(spdlog::spdlog INTERFACE SPDLOG_HEADER_ONLY SPDLOG_FMT_EXTERNAL
  FMT_HEADER_ONLY)
# Boost 1.74 leaves out a header that newer standard libraries do not bring by themselves.
target_compile_options(Boost::headers INTERFACE "SHELL:-include utility")
