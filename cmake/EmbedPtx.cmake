# PTX travels inside the program that loads it, as a C++ string.
#
#   corun_embed_ptx(corun_workloads_synthetic kernels/synthetic.ptx
#     HEADER workloads/synthetic/kernels.h NAME corun::synthetic::kPtx)
#
# HEADER declares NAME: extern const char kPtx[].
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  file(READ ${INPUT} text)
  string(FIND "${text}" ")ptx\"" clash)
  if(NOT clash EQUAL -1)
    message(FATAL_ERROR "${INPUT} holds the delimiter )ptx\"")
  endif()
  file(WRITE ${OUTPUT} "#include \"${HEADER}\"

const char ${NAME}[] = R\"ptx(${text})ptx\";
")
  return()
endif()

set(CORUN_EMBED_PTX ${CMAKE_CURRENT_LIST_FILE})
function(corun_embed_ptx target ptx)
  cmake_parse_arguments(ARG "" "HEADER;NAME" "" ${ARGN})
  set(input ${CMAKE_CURRENT_SOURCE_DIR}/${ptx})
  set(output ${CMAKE_BINARY_DIR}/generated/${target}_ptx.cc)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${input} -DOUTPUT=${output} -DHEADER=${ARG_HEADER}
            -DNAME=${ARG_NAME} -P ${CORUN_EMBED_PTX}
    DEPENDS ${input} ${CORUN_EMBED_PTX}
    COMMENT "Embedding ${ptx}")
  target_sources(${target} PRIVATE ${output})
endfunction()
