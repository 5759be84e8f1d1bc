// The exit codes of every corun program.
#pragma once

#include "core/result.h"

namespace corun {

enum class ExitCode { kOk = 0, kFailed = 1, kUsage = 2, kUnsupported = 3 };

constexpr ExitCode exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kFailed:
      return ExitCode::kFailed;
    case ErrorKind::kUsage:
      return ExitCode::kUsage;
    case ErrorKind::kUnsupported:
      return ExitCode::kUnsupported;
  }
  return ExitCode::kFailed;
}

/// The last line of a main(): tells an error, and returns the exit code.
int end_program(const Status& status);

}  // namespace corun
