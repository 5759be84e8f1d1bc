# LibTorch: Debian's libtorch-dev, or the folder of another one in CORUN_LIBTORCH, which is that of
# the Python package too (python3 -c 'import torch; print(torch.__path__[0])'). Its own CMake files
# ask for a CUDA toolkit with a compiler; nothing here is compiled by it, so they are not used.
#   LibTorch::LibTorch, LibTorch_LIBRARY_DIR; LibTorch::CUDA, where CUDA's headers are
include(FindPackageHandleStandardArgs)
set(CORUN_LIBTORCH "" CACHE PATH "Folder of LibTorch, with include/ and lib/ (else the system's)")
if(CORUN_LIBTORCH)
  set(libtorch_paths PATHS ${CORUN_LIBTORCH} NO_DEFAULT_PATH)
endif()
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h ${libtorch_paths} PATH_SUFFIXES include)
foreach(part torch torch_cpu c10)
  find_library(LibTorch_${part}_LIBRARY ${part} ${libtorch_paths} PATH_SUFFIXES lib)
  list(APPEND libtorch_libraries ${LibTorch_${part}_LIBRARY})
endforeach()
foreach(header headeronly/version.h csrc/api/include/torch/version.h)  # new, old
  if(EXISTS ${LibTorch_INCLUDE_DIR}/torch/${header} AND NOT LibTorch_VERSION)
    file(READ ${LibTorch_INCLUDE_DIR}/torch/${header} header_text)
    if(header_text MATCHES
       "TORCH_VERSION_MAJOR ([0-9]+).*TORCH_VERSION_MINOR ([0-9]+).*TORCH_VERSION_PATCH ([0-9]+)")
      set(LibTorch_VERSION ${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3})
    endif()
  endif()
endforeach()
# Before 2.0 their headers copy vectors of types that are not known yet, which gcc accepts in C++20.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND LibTorch_VERSION VERSION_LESS 2.0)
  set(libtorch_compiler "")
else()
  set(libtorch_compiler ${CMAKE_CXX_COMPILER})
endif()
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_INCLUDE_DIR LibTorch_torch_LIBRARY LibTorch_torch_cpu_LIBRARY
                LibTorch_c10_LIBRARY libtorch_compiler
  VERSION_VAR LibTorch_VERSION)
if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  get_filename_component(LibTorch_LIBRARY_DIR ${LibTorch_torch_LIBRARY} DIRECTORY)
  foreach(part torch_cuda c10_cuda)  # those of a build without CUDA do not exist
    find_library(LibTorch_${part}_LIBRARY ${part} PATHS ${LibTorch_LIBRARY_DIR} NO_DEFAULT_PATH)
    if(LibTorch_${part}_LIBRARY)
      list(APPEND libtorch_libraries ${LibTorch_${part}_LIBRARY})
    endif()
  endforeach()
  # CUDA graphs need the headers of driver and runtime, and nothing else of CUDA: of a toolkit, or
  # of the Python packages beside PyTorch's. Without them models run without graphs.
  if(LibTorch_torch_cuda_LIBRARY)
    file(GLOB libtorch_cuda_folders ${CORUN_LIBTORCH}/../nvidia/*/include)
    find_path(LibTorch_CUDA_INCLUDE_DIR cuda_runtime_api.h
      PATHS $ENV{CUDA_HOME}/include /usr/local/cuda/include ${libtorch_cuda_folders})
  endif()
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE
    ${LibTorch_INCLUDE_DIR} ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include)
  # Kernels register themselves: their libraries are needed though no symbol of them is.
  target_link_libraries(LibTorch::LibTorch INTERFACE
    -Wl,--push-state,--no-as-needed ${libtorch_libraries} -Wl,--pop-state)
  if(CORUN_LIBTORCH)
    # The libraries that the Python packages' libraries need lie beside them, where the loader finds
    # them and the linker does not look.
    # The Python packages' libraries carry and export parts of another compiler's std::filesystem,
    # which fail in a program that is bound to them (remove_all calls a null pointer). The system's
    # own libstdc++ is therefore the first in which the loader looks. (Where it is a static one, the
    # linker has chosen already: core/files.cc.)
    target_link_options(LibTorch::LibTorch INTERFACE -Wl,--allow-shlib-undefined
      -Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state)
    # cuDNN opens further libraries by name while it runs (those that compile kernels among them).
    # Python's torch has loaded them by then; here the program's RPATH, which unlike RUNPATH counts
    # for them too, tells where they are.
    file(GLOB libtorch_nvidia_folders ${CORUN_LIBTORCH}/../nvidia/*/lib)
    foreach(folder IN LISTS libtorch_nvidia_folders)
      target_link_options(LibTorch::LibTorch INTERFACE -Wl,--disable-new-dtags,-rpath,${folder})
    endforeach()
  endif()
endif()
if(LibTorch_CUDA_INCLUDE_DIR AND NOT TARGET LibTorch::CUDA)
  add_library(LibTorch::CUDA INTERFACE IMPORTED)
  target_include_directories(LibTorch::CUDA SYSTEM INTERFACE ${LibTorch_CUDA_INCLUDE_DIR})
  target_compile_definitions(LibTorch::CUDA INTERFACE CORUN_TORCH_CUDA)
endif()
mark_as_advanced(LibTorch_CUDA_INCLUDE_DIR LibTorch_INCLUDE_DIR LibTorch_torch_LIBRARY
  LibTorch_torch_cpu_LIBRARY
  LibTorch_c10_LIBRARY LibTorch_torch_cuda_LIBRARY LibTorch_c10_cuda_LIBRARY)
