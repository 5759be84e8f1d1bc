# Where CORUN_UNITY says so, the sources of a target are compiled in batches, which share a
# translation unit: their file-local names must differ (docs/adr/0011-unity-builds.md).
function(corun_unity target)
  if(CORUN_UNITY)
    set_target_properties(${target} PROPERTIES
      UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${CORUN_UNITY_BATCH})
    # gcc takes a batch's file-local types for a header's.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# corun_alone(FILE...): sources of this folder that share file-local names by design.
function(corun_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# A room is a top-level folder with one static library `corun_<room>` (see docs/architecture.md).
#
#   corun_room(gpu DEPS core LIBS fmt::fmt)
#
# Sources are all *.cc below the folder, except programs (`*_main.cc`). DEPS are the rooms it may
# include, the same edges that tools/rooms.txt allows (checked by tools/check_rooms.py).
function(corun_room name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_main\\.cc$")
  string(REPLACE "/" "_" target corun_${name})
  add_library(${target} STATIC ${sources})
  # Target all_verify_interface_header_sets compiles every header alone.
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${headers})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
  foreach(dep IN LISTS ARG_DEPS)
    string(REPLACE "/" "_" dep_target corun_${dep})
    target_link_libraries(${target} PUBLIC ${dep_target})
  endforeach()
  target_link_libraries(${target} PUBLIC ${ARG_LIBS})
  corun_unity(${target})
  if(CORUN_FUZZERS)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)  # counts what inputs reach
  endif()
endfunction()

# A target that includes LibTorch's headers.
function(corun_torch target)
  if(NOT CORUN_UNITY)  # else they are read once anyway
    target_precompile_headers(${target} PRIVATE <ATen/ATen.h>)
  endif()
  # Full debug information of these headers takes longer than the code: lines are enough here.
  target_compile_options(${target} PRIVATE -g1)
endfunction()

# A room of headers only, which even libcorun.so may include: no library behind it.
function(corun_header_room name)
  string(REPLACE "/" "_" target corun_${name})
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  add_library(${target} INTERFACE)
  target_sources(${target} INTERFACE
    FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${headers})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  target_include_directories(${target} INTERFACE ${CMAKE_SOURCE_DIR})
endfunction()

# corun_program(corun-synthetic synthetic_main.cc DEPS workloads/synthetic): a program in build/bin.
function(corun_program name source)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
  add_executable(${name} ${source})
  foreach(dep IN LISTS ARG_DEPS)
    string(REPLACE "/" "_" dep_target corun_${dep})
    target_link_libraries(${name} PRIVATE ${dep_target})
  endforeach()
  target_link_libraries(${name} PRIVATE ${ARG_LIBS})
endfunction()

# corun_tests(core DEPS core): all tests/<name>/*.cc as one GoogleTest program test_<name>, with '_'
# for '/' in its name. REAL_TIME: its tests run one at a time, with all processors to themselves.
# Tests are compiled without optimisation (half of their build time), the rooms below them with it;
# OPTIMIZED: they compute themselves.
function(corun_tests name)
  cmake_parse_arguments(ARG "REAL_TIME;OPTIMIZED" "" "DEPS;LIBS;NEEDS" ${ARGN})
  string(REPLACE "/" "_" suite ${name})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*.cc)
  add_executable(test_${suite} ${sources})
  set_target_properties(test_${suite} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_compile_definitions(test_${suite} PRIVATE
    CORUN_SOURCE_DIR="${CMAKE_SOURCE_DIR}" CORUN_BINARY_DIR="${CMAKE_BINARY_DIR}")
  foreach(dep IN LISTS ARG_DEPS)
    string(REPLACE "/" "_" dep_target corun_${dep})
    target_link_libraries(test_${suite} PRIVATE ${dep_target})
  endforeach()
  target_link_libraries(test_${suite} PRIVATE
    ${ARG_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
  corun_unity(test_${suite})
  if(NOT ARG_OPTIMIZED)
    target_compile_options(test_${suite} PRIVATE -O0)
  endif()
  if(ARG_NEEDS)
    add_dependencies(test_${suite} ${ARG_NEEDS})
  endif()
  gtest_discover_tests(test_${suite} TEST_PREFIX ${suite}. DISCOVERY_MODE PRE_TEST
    NO_PRETTY_VALUES
    PROPERTIES TIMEOUT 120 LABELS ${suite} RUN_SERIAL ${ARG_REAL_TIME})
endfunction()

# corun_collect_programs(DIR OUT): what a user runs or loads: the programs, shared libraries and
# custom targets of ALL in a folder and below it.
function(corun_collect_programs dir out)
  get_property(targets DIRECTORY ${dir} PROPERTY BUILDSYSTEM_TARGETS)
  get_property(subdirs DIRECTORY ${dir} PROPERTY SUBDIRECTORIES)
  set(found "")
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    get_target_property(excluded ${target} EXCLUDE_FROM_ALL)
    if(type MATCHES "^(EXECUTABLE|SHARED_LIBRARY|MODULE_LIBRARY|UTILITY)$" AND NOT excluded)
      list(APPEND found ${target})
    endif()
  endforeach()
  foreach(subdir IN LISTS subdirs)
    corun_collect_programs(${subdir} below)
    list(APPEND found ${below})
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()
