// CORUN_CHECK: an invariant of the program itself. A broken one stops the process, in release too.
#pragma once

#include <string>

namespace corun {

/// Prints `corun: internal error: FILE:LINE: CONDITION: DETAIL` and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& detail);

}  // namespace corun

#define CORUN_CHECK(condition, detail)                                 \
  do {                                                                 \
    if (!(condition)) {                                                \
      ::corun::check_failed(__FILE__, __LINE__, #condition, (detail)); \
    }                                                                  \
  } while (false)
