#include "workloads/torch/caught.h"

namespace corun::libtorch {

Error failure(const char* what, const std::string& reason) {
  constexpr size_t kMaxReason = 300;
  return failed(fmt::format("{}: {}", what, one_line(reason.substr(0, kMaxReason))));
}

}  // namespace corun::libtorch
