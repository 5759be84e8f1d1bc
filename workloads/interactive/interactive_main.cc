// corun-interactive: see options.cc for its command line.
#include <csignal>

#include "core/exit_code.h"
#include "workloads/interactive/notebook_session.h"
#include "workloads/tenant/session.h"

namespace corun::interactive {
namespace {

Status run(int argc, const char* const* argv) {
  CORUN_ASSIGN(const std::optional<InteractiveOptions> options,
               parse_interactive_options(argc, argv));
  if (!options) return {};
  CORUN_ASSIGN(RowWriter rows, RowWriter::from_environment());
  NotebookSession session(*options);
  if (rows.speaking()) return tenant::serve_harness(session, rows);
  const synthetic::CommonOptions& common = options->common;
  return tenant::run_alone(session, {.duration = common.duration, .seed = common.seed});
}

}  // namespace
}  // namespace corun::interactive

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a reader of rows that is gone is an error, told in words
  const corun::Status status = corun::interactive::run(argc, argv);
  return corun::end_program(status);
}
