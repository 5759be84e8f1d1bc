// LibTorch throws; nothing of it goes further than the function that is called here.
#pragma once

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <string>

#include "core/result.h"
#include "core/text.h"

namespace corun::libtorch {

/// `reason` cut to a line that can be read.
Error failure(const char* what, const std::string& reason);

/// What `work` returns, a Result or a Status. Errors (failed): what it threw, in one line after
/// `what` ("a training step").
template <typename Work>
auto caught(const char* what, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const c10::Error& error) {
    return failure(what, error.what_without_backtrace());
  } catch (const std::exception& error) {
    return failure(what, error.what());
  }
}

}  // namespace corun::libtorch
