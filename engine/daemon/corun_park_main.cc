// corun-park: the driver's checkpoint calls for corund, in a process of their own. Can be run by
// hand to resume what a killed daemon left parked.
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/exit_code.h"
#include "core/log.h"
#include "core/process_tree.h"
#include "core/units.h"
#include "core/wait.h"
#include "engine/client/run_dir.h"
#include "gpu/inventory.h"
#include "gpu/park.h"

namespace corun {
namespace {

constexpr Nanos kLockPatience = std::chrono::seconds(10);
/// A process that runs may still be about to be locked for so long: its daemon died meanwhile.
constexpr Nanos kSettle = kLockPatience + std::chrono::seconds(5);
constexpr Nanos kBetweenTries = std::chrono::milliseconds(200);

struct Arguments {
  std::vector<pid_t> pids;
  std::string gpu;
  std::vector<std::string> away;  ///< PID or PID:BYTES
  std::vector<std::string> lost;  ///< PID:START:BYTES
  std::string until_daemon;
};

struct Lost {
  ProcessIdentity process;
  uint64_t bytes = 0;
};

Result<Lost> parse_lost(const std::string& text) {
  Lost lost;
  const char* end = text.data() + text.size();
  auto read = std::from_chars(text.data(), end, lost.process.pid);
  for (uint64_t* value : {&lost.process.start_ticks, &lost.bytes}) {
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != ':') break;
    read = std::from_chars(read.ptr + 1, end, *value);
  }
  if (read.ec == std::errc() && read.ptr == end && lost.process.start_ticks > 0) return lost;
  return usage_error("'" + text + "' is no process", "write PID:START:BYTES");
}

Result<std::unique_ptr<gpu::Driver>> load() {
  CORUN_ASSIGN(auto driver, gpu::Driver::load());
  CORUN_TRY(gpu::can_park(*driver));
  CORUN_TRY(gpu::init_without_mps(*driver));
  return driver;
}

Status park(const Arguments& arguments) {
  CORUN_ASSIGN(const auto driver, load());
  return gpu::park(*driver, arguments.pids, kLockPatience);
}

struct Away {
  pid_t pid = 0;
  uint64_t bytes = 0;  ///< 0: not known
};

Result<Away> parse_away(const std::string& text) {
  Away away;
  const char* end = text.data() + text.size();
  auto read = std::from_chars(text.data(), end, away.pid);
  if (read.ec == std::errc() && read.ptr != end && *read.ptr == ':') {
    read = std::from_chars(read.ptr + 1, end, away.bytes);
  }
  if (read.ec == std::errc() && read.ptr == end && away.pid > 0) return away;
  return usage_error("'" + text + "' is no process", "write PID or PID:BYTES");
}

Status resume(const Arguments& arguments) {
  std::vector<Away> all;
  for (const std::string& one : arguments.away) {
    CORUN_ASSIGN(all.emplace_back(), parse_away(one));
  }
  CORUN_ASSIGN(const auto driver, load());
  // What another one has brought back already needs no room: its memory is what is missing.
  uint64_t needs = 0;
  std::vector<pid_t> pids;
  for (const Away& one : all) {
    pids.push_back(one.pid);
    if (gpu::is_parked(*driver, one.pid)) needs += one.bytes;
  }
  CORUN_TRY(gpu::check_room(arguments.gpu, needs));
  return gpu::resume(*driver, pids);
}

/// Brings back what a dead daemon left parked: tries until every process runs or has ended, or
/// another daemon is there, which they join.
Status rescue(const Arguments& arguments) {
  std::vector<Lost> lost;
  for (const std::string& one : arguments.lost) {
    CORUN_ASSIGN(lost.emplace_back(), parse_lost(one));
  }
  CORUN_ASSIGN(const auto driver, load());
  const Instant settled = monotonic_now() + kSettle;
  while (!lost.empty()) {
    if (client::connect_unix(arguments.until_daemon, SOCK_STREAM)) return {};
    std::erase_if(lost, [&](const Lost& one) {
      if (!is_alive(one.process)) return true;
      const auto back = gpu::bring_back(*driver, one.process.pid,
                                        [&] { return gpu::check_room(arguments.gpu, one.bytes); });
      if (!back) log::debug("{}", back.error().text());
      return back && *back && monotonic_now() > settled;
    });
    sleep_until(monotonic_now() + kBetweenTries);
  }
  return {};
}

}  // namespace
}  // namespace corun

int main(int argc, char** argv) {
  corun::Arguments arguments;
  CLI::App app("corun-park: moves the GPU state of processes to host memory (park) and back");
  CLI::App* park = app.add_subcommand("park", "all of them, or none after an error");
  CLI::App* resume = app.add_subcommand("resume", "those that are parked");
  CLI::App* rescue = app.add_subcommand("rescue", "what a dead corund left, as soon as it fits");
  park->add_option("pid", arguments.pids, "processes")->required()->check(CLI::PositiveNumber);
  resume
      ->add_option("process", arguments.away,
                   "PID or PID:BYTES each; with bytes and --gpu "
                   "nothing is restored where less is free")
      ->required();
  rescue->add_option("process", arguments.lost, "PID:START:BYTES each")->required();
  rescue->add_option("--until-daemon", arguments.until_daemon,
                     "end when a daemon listens at this socket");
  for (CLI::App* sub : {resume, rescue}) {
    sub->add_option("--gpu", arguments.gpu, "UUID of the GPU whose memory is looked at");
  }
  app.require_subcommand(1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(corun::ExitCode::kUsage);
  }
  const corun::Status status = park->parsed()     ? corun::park(arguments)
                               : resume->parsed() ? corun::resume(arguments)
                                                  : corun::rescue(arguments);
  return corun::end_program(status);
}
