#include "core/exit_code.h"

#include "core/log.h"

namespace corun {

int end_program(const Status& status) {
  if (status) return static_cast<int>(ExitCode::kOk);
  log::error("{}", status.error().text());
  return static_cast<int>(exit_code(status.error().kind));
}

}  // namespace corun
