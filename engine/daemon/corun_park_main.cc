// corun-park: moves processes' GPU state to host memory and back. corund starts it; it can be run
// by hand to resume what a killed daemon left parked.
#include <CLI/CLI.hpp>
#include <chrono>
#include <vector>

#include "core/exit_code.h"
#include "core/log.h"
#include "gpu/inventory.h"
#include "gpu/park.h"

namespace {

constexpr corun::Nanos kLockPatience = std::chrono::seconds(10);

corun::Status run(bool park, const std::vector<pid_t>& pids) {
  CORUN_ASSIGN(const auto driver, corun::gpu::Driver::load());
  CORUN_TRY(corun::gpu::can_park(*driver));
  CORUN_TRY(corun::gpu::init_without_mps(*driver));
  return park ? corun::gpu::park(*driver, pids, kLockPatience) : corun::gpu::resume(*driver, pids);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<pid_t> pids;
  CLI::App app("corun-park: moves the GPU state of processes to host memory (park) and back");
  CLI::App* park = app.add_subcommand("park", "all of them, or none after an error");
  CLI::App* resume = app.add_subcommand("resume", "those that are parked");
  for (CLI::App* sub : {park, resume}) {
    sub->add_option("pid", pids, "processes")->required()->check(CLI::PositiveNumber);
  }
  app.require_subcommand(1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(corun::ExitCode::kUsage);
  }
  const corun::Status status = run(park->parsed(), pids);
  if (status) return 0;
  corun::log::error("{}", status.error().text());
  return static_cast<int>(corun::exit_code(status.error().kind));
}
