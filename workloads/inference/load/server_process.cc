#include "workloads/inference/load/server_process.h"

#include <fmt/format.h>

#include "core/environment.h"
#include "core/exit_code.h"
#include "core/units.h"

namespace corun::inference {

namespace {
constexpr Nanos kPoll = std::chrono::milliseconds(20);
constexpr Nanos kAnswerTime = std::chrono::seconds(5);
}  // namespace

std::vector<std::string> server_command(std::vector<std::string> words, uint16_t port,
                                        const std::filesystem::path& beside) {
  constexpr std::string_view kPort = "{port}";
  for (std::string& word : words) {
    for (size_t at = 0; (at = word.find(kPort, at)) != std::string::npos;) {
      word.replace(at, kPort.size(), std::to_string(port));
    }
  }
  std::error_code ignored;
  const bool bare = words.front().find('/') == std::string::npos;
  if (bare && std::filesystem::exists(beside / words.front(), ignored)) {
    words.front() = (beside / words.front()).string();
  }
  return words;
}

Result<Process> start_server(const std::vector<std::string>& command) {
  ProcessOptions options;
  options.argv = command;
  options.unset_env = {kEnvRows, kEnvControl};
  return Process::start(options);
}

Status wait_ready(const ServerAddress& endpoint, std::optional<Process>& server, Nanos limit) {
  const Instant give_up = monotonic_now() + limit;
  std::string last = "nothing listens";
  while (monotonic_now() < give_up) {
    if (const auto ended = server ? server->poll() : std::nullopt) {
      const std::string what = fmt::format("the server ended ({})", ended->text());
      const bool unsupported_here = ended->code == static_cast<int>(ExitCode::kUnsupported);
      return unsupported_here ? unsupported(what, "see its own message")
                              : failed(what, "see its own message");
    }
    const auto ready = fetch(endpoint, "/v2/health/ready", kAnswerTime);
    if (ready && ready->status == 200) return {};
    last = ready ? fmt::format("its answer is {}", ready->status) : ready.error().what;
    sleep_until(monotonic_now() + kPoll);
  }
  return failed(fmt::format("{} is not ready after {}: {}", endpoint.authority(),
                            format_duration(limit), last),
                "allow more time with --ready-within");
}

}  // namespace corun::inference
