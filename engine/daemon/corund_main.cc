// corund: the daemon of one GPU (docs/control-api.md).
#include "core/exit_code.h"
#include "engine/daemon/corund.h"
#include "engine/daemon/options.h"

int main(int argc, char** argv) {
  const auto options = corun::daemon::parse_options(argc, argv);
  corun::Status status = options ? corun::Status() : corun::Status(options.error());
  if (options && *options) {
    status = (*options)->self_test ? corun::daemon::run_self_test(**options)
                                   : corun::daemon::start_daemon(**options);
  }
  return corun::end_program(status);
}
