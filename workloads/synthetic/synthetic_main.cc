// corun-synthetic: see options.cc for its command line.
#include <csignal>

#include "core/exit_code.h"
#include "workloads/synthetic/workload.h"
#include "workloads/tenant/session.h"

namespace corun::synthetic {
namespace {

Status run(int argc, const char* const* argv) {
  CORUN_ASSIGN(const std::optional<Options> options, parse_options(argc, argv));
  if (!options) return {};
  CORUN_ASSIGN(RowWriter rows, RowWriter::from_environment());
  const std::unique_ptr<Workload> workload = make_workload(*options);
  if (rows.speaking()) return tenant::serve_harness(*workload, rows);
  const CommonOptions& common = options->common;
  return tenant::run_alone(*workload, {.duration = common.duration, .seed = common.seed});
}

}  // namespace
}  // namespace corun::synthetic

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a reader of rows that is gone is an error, told in words
  const corun::Status status = corun::synthetic::run(argc, argv);
  return corun::end_program(status);
}
