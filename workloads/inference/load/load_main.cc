// corun-load: see options.cc for its command line.
#include <csignal>

#include "core/exit_code.h"
#include "workloads/inference/load/load_workload.h"
#include "workloads/tenant/session.h"

namespace corun::inference {
namespace {

Status run(int argc, const char* const* argv) {
  CORUN_ASSIGN(std::optional<LoadOptions> options, parse_load_options(argc, argv));
  if (!options) return {};
  CORUN_ASSIGN(RowWriter rows, RowWriter::from_environment());
  const tenant::AloneOptions alone{.duration = options->duration, .seed = options->seed};
  LoadWorkload workload(std::move(*options));
  return rows.speaking() ? tenant::serve_harness(workload, rows)
                         : tenant::run_alone(workload, alone);
}

}  // namespace
}  // namespace corun::inference

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a reader of rows that is gone is an error, told in words
  const corun::Status status = corun::inference::run(argc, argv);
  return corun::end_program(status);
}
