// corun-train: see options.cc for its command line.
#include <csignal>

#include "core/exit_code.h"
#include "workloads/tenant/session.h"
#include "workloads/training/program/training_workload.h"

namespace corun::training {
namespace {

Status run(int argc, const char* const* argv) {
  CORUN_ASSIGN(const std::optional<TrainOptions> options, parse_train_options(argc, argv));
  if (!options) return {};
  CORUN_ASSIGN(RowWriter rows, RowWriter::from_environment());
  TrainingWorkload workload(*options);
  if (rows.speaking()) return tenant::serve_harness(workload, rows);
  if (options->steps > 0) return train_steps(*options);
  return tenant::run_alone(workload, {.duration = options->duration, .seed = options->seed});
}

}  // namespace
}  // namespace corun::training

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a reader of rows that is gone is an error, told in words
  const corun::Status status = corun::training::run(argc, argv);
  return corun::end_program(status);
}
