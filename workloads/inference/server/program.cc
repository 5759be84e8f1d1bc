#include "workloads/inference/server/program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "core/exit_code.h"
#include "core/log.h"
#include "core/signals.h"
#include "core/wait.h"
#include "workloads/inference/server/front_end.h"
#include "workloads/inference/server/options.h"
#include "workloads/inference/server/server_workload.h"
#include "workloads/tenant/session.h"

namespace corun::inference {
namespace {

/// Until the first SIGTERM or Ctrl-C.
void wait_for_signal(const InterruptGuard& guard) {
  while (!guard.requested()) {
    const int fd = guard.fd();
    wait_readable({&fd, 1}, monotonic_now() + std::chrono::hours(1));
  }
}

/// Errors (failed): requests still waited when `limit` was over, or the user was in a hurry.
Status drain(Service& service, const InterruptGuard* guard, Nanos limit) {
  const Instant give_up = monotonic_now() + limit;
  service.begin_drain();
  while (!service.drained(monotonic_now() + std::chrono::milliseconds(50))) {
    const bool hurry = guard != nullptr && guard->count() > 1;
    if (!hurry && monotonic_now() < give_up) continue;
    return failed(fmt::format("{} requests were not answered", service.unanswered()),
                  "allow more time with --drain");
  }
  return {};
}

Status end(Service& service, http::Server* server, const InterruptGuard* guard, Nanos limit) {
  if (Status drained = drain(service, guard, limit); !drained) {
    // A model that works on cannot be stopped; nothing of it is to be kept.
    log::error("{}", drained.error().text());
    std::fflush(nullptr);
    _exit(static_cast<int>(ExitCode::kFailed));
  }
  if (server != nullptr) server->stop(limit);
  return {};
}

Status serve(const ServerProgram& program, const ServerOptions& options) {
  const MonotonicClock clock;
  http::Metrics metrics;
  Service service(clock);
  for (const ModelSpec& spec : options.models) {
    CORUN_ASSIGN(MadeModel made, make_model(spec, program.kinds));
    CORUN_TRY(service.add(std::move(made)));
  }
  FrontEnd front_end(service, metrics, clock, kServerVersion, options.deadline);
  const http::Handler handler = [&](const http::Request& request,
                                    const std::shared_ptr<http::Exchange>& exchange) {
    front_end.handle(request, exchange);
  };
  std::unique_ptr<http::Server> server;
  const auto start = [&]() -> Status {
    // It listens while models are loaded: live, not ready.
    http::Options http_options = options.http;
    http_options.refusal = error_response;
    CORUN_ASSIGN(server, http::Server::start(http_options, handler, metrics));
    log::info("listening on {}:{}", options.http.address, server->port());
    CORUN_TRY(service.start());
    log::info("ready");
    return {};
  };
  CORUN_ASSIGN(RowWriter rows, RowWriter::from_environment());
  std::optional<InterruptGuard> guard;
  Status served;
  if (rows.speaking()) {
    ServerWorkload workload(service, start);
    served = tenant::serve_harness(workload, rows);
  } else {
    guard.emplace();
    served = start();
    if (served) {
      wait_for_signal(*guard);
      log::info("ending: {} requests are to be answered", service.unanswered());
    }
  }
  // In every case: models must not answer over connections that are gone.
  const Status ended = end(service, server.get(), guard ? &*guard : nullptr, options.drain);
  return served ? ended : served;
}

Status run(const ServerProgram& program, int argc, const char* const* argv) {
  CORUN_ASSIGN(const std::optional<ServerOptions> options,
               parse_server_options(program, argc, argv));
  if (!options) return {};
  return options->measure > Nanos(0) ? program.measure(*options) : serve(program, *options);
}

}  // namespace

int run_server(const ServerProgram& program, int argc, const char* const* argv) {
  signal(SIGPIPE, SIG_IGN);  // a reader of rows that is gone is an error, told in words
  return end_program(run(program, argc, argv));
}

}  // namespace corun::inference
