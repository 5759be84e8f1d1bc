// corund: the daemon of one GPU (docs/control-api.md).
#include "core/exit_code.h"
#include "core/log.h"
#include "engine/daemon/corund.h"
#include "engine/daemon/options.h"

int main(int argc, char** argv) {
  const auto options = corun::daemon::parse_options(argc, argv);
  corun::Status status = options ? corun::Status() : corun::Status(options.error());
  if (options && *options) {
    status = (*options)->self_test ? corun::daemon::run_self_test(**options)
                                   : corun::daemon::start_daemon(**options);
  }
  if (status) return 0;
  corun::log::error("{}", status.error().text());
  return static_cast<int>(corun::exit_code(status.error().kind));
}
