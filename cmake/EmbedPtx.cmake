# cmake -DINPUT=kernels.ptx -DOUTPUT=ptx.cc -P embed_ptx.cmake
# Writes INPUT as the value of corun::synthetic::kPtx (kernels.h).
file(READ ${INPUT} text)
string(FIND "${text}" ")ptx\"" clash)
if(NOT clash EQUAL -1)
  message(FATAL_ERROR "${INPUT} holds the delimiter )ptx\"")
endif()
file(WRITE ${OUTPUT} "#include \"workloads/synthetic/kernels.h\"

namespace corun::synthetic {
const char kPtx[] = R\"ptx(${text})ptx\";
}  // namespace corun::synthetic
")
