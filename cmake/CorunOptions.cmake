# Compiler settings that hold for every target of the project.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

# Functions and lines for backtraces; variables would cost a fifth of the build's time.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

option(CORUN_WERROR "Warnings are errors" ON)
option(CORUN_FUZZERS "Build the libFuzzer targets (clang only)" OFF)
set(CORUN_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")
option(CORUN_UNITY "Compile several sources at once: a whole build in half the time" OFF)
set(CORUN_UNITY_BATCH 16 CACHE STRING "Sources compiled at once (0: all of a target)")
include(CTest)

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wswitch-enum)
if(CORUN_WERROR)
  add_compile_options(-Werror)
endif()
if(CORUN_SANITIZE)
  add_compile_options(-fsanitize=${CORUN_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g1)  # lines for the reports; variables would cost a tenth of the time
  add_link_options(-fsanitize=${CORUN_SANITIZE})
  find_program(MOLD_PROGRAM mold)
  if(MOLD_PROGRAM)
    add_link_options(-fuse-ld=mold)  # programs with sanitizers take ld seconds each
  endif()
endif()
# Messages name source files relative to the tree: the same text on every machine.
add_compile_options(-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

# One layout for build tree and `make dist`: bin/ (programs), lib/ (libraries that workloads
# load) and simgpu/ (the simulated node's drop-ins) beside each other.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/archive)
# The same search path in both, so `make dist` only copies. DT_RPATH (not DT_RUNPATH) also serves
# the libraries of libraries, and cannot be overruled by a tenant's LD_LIBRARY_PATH.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib")
add_link_options(-Wl,--disable-new-dtags)
