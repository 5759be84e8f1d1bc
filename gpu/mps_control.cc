#include "gpu/mps_control.h"

#include <fmt/format.h>

#include <charconv>

#include "core/environment.h"

namespace corun::gpu {

namespace fs = std::filesystem;

namespace {

constexpr char kProgram[] = "nvidia-cuda-mps-control";
constexpr char kNoDaemon[] = "Cannot find MPS control daemon";
constexpr size_t kServerColumn = 2;  // of `ps`
constexpr Nanos kReplyPatience = std::chrono::seconds(10);
constexpr Nanos kBetweenTries = std::chrono::milliseconds(20);

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

pid_t pid_of(std::string_view word) {
  pid_t pid = 0;
  const auto [rest, code] = std::from_chars(word.begin(), word.end(), pid);
  return code == std::errc() && rest == word.end() && pid > 0 ? pid : 0;
}

/// Calls `use` with the words of every line that begins with a PID.
template <typename Use>
void for_each_pid_line(std::string_view reply, Use use) {
  while (!reply.empty()) {
    const size_t end = std::min(reply.find('\n'), reply.size());
    const auto words = words_of(reply.substr(0, end));
    if (!words.empty() && pid_of(words[0]) != 0) use(words);
    reply.remove_prefix(std::min(end + 1, reply.size()));
  }
}

/// The last line that says something, for error texts.
std::string last_words(const CommandOutput& output) {
  for (const std::string* text : {&output.err, &output.out}) {
    const size_t end = text->find_last_not_of(" \t\r\n");
    if (end == std::string::npos) continue;
    const size_t line = text->rfind('\n', end);
    const size_t begin = line == std::string::npos ? 0 : line + 1;
    return text->substr(begin, end + 1 - begin);
  }
  return output.status.text();
}

}  // namespace

std::vector<pid_t> parse_pids(std::string_view reply) {
  std::vector<pid_t> pids;
  for_each_pid_line(reply, [&pids](const auto& words) { pids.push_back(pid_of(words[0])); });
  return pids;
}

std::vector<MpsClient> parse_ps(std::string_view reply) {
  std::vector<MpsClient> clients;
  for_each_pid_line(reply, [&clients](const auto& words) {
    const pid_t server = words.size() > kServerColumn ? pid_of(words[kServerColumn]) : 0;
    clients.push_back({server, pid_of(words[0])});
  });
  return clients;
}

Result<fs::path> MpsControl::find() {
  if (const auto folder = environment(kEnvDriverDir)) {
    if (auto found = find_program(kProgram, *folder)) return *found;
    return unsupported(fmt::format("{} has no {}", *folder, kProgram));
  }
  const std::string path = environment("PATH").value_or("") + ":/usr/local/nvidia/bin:/usr/bin";
  if (auto found = find_program(kProgram, path)) return *found;
  return unsupported(fmt::format("{} is not installed", kProgram),
                     "it comes with the driver (Debian, Ubuntu: nvidia-compute-utils)");
}

MpsControl::MpsControl(fs::path program, fs::path pipe, fs::path log)
    : program_(std::move(program)), pipe_(std::move(pipe)), log_(std::move(log)) {}

ProcessOptions MpsControl::options() const {
  ProcessOptions options;
  options.argv = {program_.string()};
  options.set_env = {{kEnvMpsPipe, pipe_.string()}, {kEnvMpsLog, log_.string()}};
  // Limits of the caller's shell are not meant for everybody.
  options.unset_env = {kEnvMpsThreads, kEnvMpsMemory, kEnvMpsPriority};
  return options;
}

Result<std::string> MpsControl::ask(const std::string& command, Nanos patience) const {
  ProcessOptions asking = options();
  asking.input = command + "\n";
  auto output = run_command(asking, patience);
  if (!output) return failed("the MPS control daemon hangs: " + output.error().what);
  const bool no_daemon = output->out.find(kNoDaemon) != std::string::npos ||
                         output->err.find(kNoDaemon) != std::string::npos;
  if (no_daemon || !output->status.ok()) {
    return failed(fmt::format("the MPS control daemon of {} does not answer: {}", pipe_.string(),
                              last_words(*output)));
  }
  return std::move(output->out);
}

Result<Process> MpsControl::start_daemon(const std::map<std::string, std::string>& env,
                                         Nanos patience) const {
  const Instant deadline = monotonic_now() + patience;
  ProcessOptions starting = options();
  starting.argv.emplace_back("-d");
  starting.set_env.insert(env.begin(), env.end());
  starting.out = corun::Stream::file(log_ / "start.log");
  starting.err = starting.out;
  CORUN_ASSIGN(Process process, Process::start(starting));
  const auto status = process.wait(patience);
  if (!status) return failed(fmt::format("{} -d does not return", program_.string()));
  if (!status->ok()) {
    return failed(fmt::format("{} -d failed ({})", program_.string(), status->text()),
                  "see " + (log_ / "start.log").string() + " and control.log beside it");
  }
  while (true) {
    const Status answer = alive();
    if (answer) return process;
    if (process.pids().empty()) {
      return failed("the MPS control daemon ended at once", "see " + log_.string());
    }
    if (monotonic_now() >= deadline) return answer.error();
    sleep_until(monotonic_now() + kBetweenTries);
  }
}

Status MpsControl::alive() const {
  CORUN_ASSIGN(const std::string reply,
               ask("get_default_active_thread_percentage", kReplyPatience));
  double percentage = 0;
  const auto words = words_of(std::string_view(reply).substr(0, reply.find('\n')));
  const auto last = words.empty() ? std::string_view() : words.back();
  if (std::from_chars(last.begin(), last.end(), percentage).ec == std::errc()) return {};
  return failed("the MPS control daemon answers '" + reply.substr(0, 80) + "'");
}

Result<std::vector<MpsClient>> MpsControl::clients() const {
  CORUN_ASSIGN(const std::string servers, ask("get_server_list", kReplyPatience));
  std::vector<MpsClient> clients;
  for (pid_t server : parse_pids(servers)) {
    CORUN_ASSIGN(const std::string reply,
                 ask(fmt::format("get_client_list {}", server), kReplyPatience));
    for (pid_t pid : parse_pids(reply)) clients.push_back({server, pid});
  }
  if (!clients.empty()) return clients;
  CORUN_ASSIGN(const std::string reply, ask("ps", kReplyPatience));
  return parse_ps(reply);
}

Status MpsControl::terminate_client(const MpsClient& client) const {
  const auto reply =
      ask(fmt::format("terminate_client {} {}", client.server, client.pid), kReplyPatience);
  return reply ? Status() : Status(reply.error());
}

Status MpsControl::quit(Nanos patience) const {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(patience).count();
  const auto reply = ask(fmt::format("quit -t {}", seconds), patience + kReplyPatience);
  return reply ? Status() : Status(reply.error());
}

}  // namespace corun::gpu
