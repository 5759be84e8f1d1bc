#include "simgpu/tools/mps_daemon.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include "core/environment.h"
#include "core/files.h"
#include "simgpu/tools/mps_socket.h"

namespace corun::simgpu {

namespace {

constexpr int kPollMs = 50;
constexpr size_t kLongestCommand = 4096;

std::vector<std::string> split(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

template <typename T>
std::optional<T> number(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The command line of a process as one line; empty when it is gone.
std::string command_of(int pid) {
  std::string text = read_file("/proc/" + std::to_string(pid) + "/cmdline").value_or("");
  for (char& c : text) {
    if (c == '\0') c = ' ';
  }
  return text;
}

/// Registers the pipe folder under the process's role.
Result<Connection> register_with_node(const std::string& pipe, wire::Role role) {
  CORUN_ASSIGN(const std::string node, node_from_environment());
  wire::Hello hello;
  hello.role = role;
  CORUN_ASSIGN(Connection connection, Connection::open(node, hello));
  char resolved[PATH_MAX];
  if (realpath(pipe.c_str(), resolved) == nullptr) return failed("no pipe directory " + pipe);
  wire::MpsRegister message;
  const std::string path(resolved);
  if (path.size() >= sizeof message.pipe_directory) return failed("pipe directory is too long");
  path.copy(message.pipe_directory, path.size());
  CORUN_ASSIGN(const Answer answer, connection.call(wire::Type::kMpsRegister, message));
  if (answer.code != wire::Code::kOk) {
    return failed("the node knows another MPS daemon for " + path);
  }
  return connection;
}

}  // namespace

MpsFolders mps_folders() {
  return {environment("CUDA_MPS_PIPE_DIRECTORY").value_or("/tmp/nvidia-mps"),
          environment("CUDA_MPS_LOG_DIRECTORY").value_or("/var/log/nvidia-mps")};
}

MpsDaemon::MpsDaemon(MpsFolders folders, Connection connection, Fd listener, Fd signals)
    : folders_(std::move(folders)),
      connection_(std::move(connection)),
      listener_(std::move(listener)),
      signals_(std::move(signals)) {}

Result<MpsDaemon> MpsDaemon::start(const MpsFolders& folders) {
  std::error_code ignored;
  std::filesystem::create_directories(folders.pipe, ignored);
  std::filesystem::create_directories(folders.log, ignored);
  CORUN_ASSIGN(Fd listener, listen_control(folders.pipe));
  CORUN_ASSIGN(Connection connection, register_with_node(folders.pipe, wire::Role::kMpsControl));
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  Fd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  MpsDaemon daemon(folders, std::move(connection), std::move(listener), std::move(signals));
  daemon.log("Start");
  return daemon;
}

void MpsDaemon::run() {
  bool ended = false;
  while (!ended && !over()) {
    pollfd items[3] = {
        {listener_.get(), POLLIN, 0}, {connection_.fd(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    if (poll(items, 3, quit_by_ ? kPollMs : -1) < 0 && errno != EINTR) break;
    if (items[2].revents != 0) {
      signalfd_siginfo info;
      while (read(signals_.get(), &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) reap();
        if (info.ssi_signo != SIGCHLD) ended = true;
      }
    }
    if (items[1].revents != 0) {
      const auto notice = connection_.next_notice(0);
      if (!notice) node_gone_ = true;
      if (notice && *notice && (*notice)->type == wire::Type::kMpsClientJoined) start_server();
    }
    if (items[0].revents != 0) handle_control();
  }
  if (server_pid_ > 0) kill(server_pid_, SIGTERM);
  unlink((folders_.pipe + "/control").c_str());
  log("Exit");
}

/// Whether the daemon has to end: the node is gone, or `quit` was asked for and the clients are
/// gone or out of time.
bool MpsDaemon::over() {
  if (node_gone_) return true;
  return quit_by_ && (monotonic_now() >= *quit_by_ || clients().empty());
}

void MpsDaemon::handle_control() {
  const Fd peer(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!peer) return;
  const timeval patience{2, 0};  // a peer that sends nothing does not stop the daemon for long
  setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string line;
  char c = 0;
  while (line.size() < kLongestCommand && read(peer.get(), &c, 1) == 1 && c != '\n') line += c;
  const std::string reply = execute(line);
  size_t sent = 0;
  while (sent < reply.size()) {
    const ssize_t n = ::send(peer.get(), reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

std::string MpsDaemon::execute(const std::string& line) {
  const std::vector<std::string> words = split(line);
  if (words.empty()) return "";
  log("Command: " + line);
  const std::string& command = words[0];
  const std::string first = words.size() > 1 ? words[1] : "";
  if (command == "get_server_list") {
    return server_pid_ > 0 ? std::to_string(server_pid_) + "\n" : "";
  }
  if (command == "get_server_status") {
    return first == std::to_string(server_pid_) ? "ACTIVE\n" : "Server does not exist\n";
  }
  if (command == "get_client_list") {
    if (first != std::to_string(server_pid_)) return "Server does not exist\n";
    std::string reply;
    for (const auto& client : clients()) reply += std::to_string(client.pid) + "\n";
    return reply;
  }
  if (command == "ps") return list_processes();
  if (command == "start_server") {
    start_server();
    return "";
  }
  if (command == "terminate_client") {
    wire::MpsTerminate message;
    message.pid = words.size() > 2 ? number<int>(words[2]).value_or(0) : 0;
    const auto answer = connection_.call(wire::Type::kMpsTerminate, message);
    return answer && answer->code == wire::Code::kOk ? "" : "Client does not exist\n";
  }
  if (command == "quit" || command == "shutdown_server") {
    const double seconds =
        words.size() > 2 && words[1] == "-t" ? number<double>(words[2]).value_or(0) : 1e9;
    quit_by_ = monotonic_now() + from_seconds(seconds);
    return "";
  }
  return execute_setting(words);
}

std::string MpsDaemon::execute_setting(const std::vector<std::string>& words) {
  const std::string& command = words[0];
  const auto percentage = [this] {
    return fmt::format("{:.1f}\n", double{1} * thread_percentage_);
  };
  if (command == "get_default_active_thread_percentage") return percentage();
  if (command == "set_default_active_thread_percentage") {
    const double value = words.size() > 1 ? number<double>(words[1]).value_or(0) : 0;
    if (!(value >= 1 && value <= 100)) return "Invalid percentage\n";
    thread_percentage_ = static_cast<uint32_t>(value);
    send_defaults();
    return percentage();
  }
  const bool get = command == "get_default_device_pinned_mem_limit";
  if (!get && command != "set_default_device_pinned_mem_limit") {
    return "Unknown command: " + command + "\n";
  }
  const uint32_t device =
      words.size() > 1 ? number<uint32_t>(words[1]).value_or(wire::kMaxGpus) : wire::kMaxGpus;
  if (device >= wire::kMaxGpus) return "Invalid device\n";
  if (!get) {
    const auto bytes = words.size() > 2 ? parse_mps_bytes(words[2]) : std::nullopt;
    if (!bytes) return "Invalid memory limit\n";
    memory_limit_[device] = *bytes;
    send_defaults();
  }
  return fmt::format("{}M\n", memory_limit_[device] >> 20);
}

void MpsDaemon::send_defaults() {
  wire::MpsDefaults message;
  message.thread_percentage = thread_percentage_;
  std::copy(memory_limit_.begin(), memory_limit_.end(), message.memory_limit);
  if (!connection_.call(wire::Type::kMpsSetDefaults, message)) node_gone_ = true;
}

std::vector<wire::MpsClientEntry> MpsDaemon::clients() {
  const auto answer = connection_.call(wire::Type::kMpsClients, wire::IdCall());
  if (!answer) {
    node_gone_ = true;
    return {};
  }
  return answer->array<wire::MpsClientEntry>();
}

std::string MpsDaemon::list_processes() {
  std::string text = fmt::format("{:<10}{:<6}{:<10}{:<14}{:<13}{}\n", "PID", "ID", "SERVER",
                                 "DEVICE", "NAMESPACE", "COMMAND");
  int id = 1;
  for (const auto& client : clients()) {
    text += fmt::format("{:<10}{:<6}{:<10}{:<14}{:<13}{}\n", client.pid, id++, server_pid_,
                        fmt::format("GPU-51a{:05x}", client.device), 0, command_of(client.pid));
  }
  return text;
}

void MpsDaemon::start_server() {
  if (server_pid_ > 0 || quit_by_) return;
  const pid_t pid = fork();
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const char* const arguments[] = {"nvidia-cuda-mps-server", "--server", nullptr};
    execv("/proc/self/exe", const_cast<char* const*>(arguments));
    _exit(127);
  }
  if (pid < 0) return;
  server_pid_ = pid;
  log(fmt::format("Starting new server {} for user {}", pid, getuid()));
}

void MpsDaemon::reap() {
  for (pid_t pid = waitpid(-1, nullptr, WNOHANG); pid > 0; pid = waitpid(-1, nullptr, WNOHANG)) {
    log(fmt::format("Server {} exited", pid));
    if (pid == server_pid_) server_pid_ = 0;
  }
}

void MpsDaemon::log(const std::string& line) const {
  const Status written =
      append_line(folders_.log + "/control.log",
                  fmt::format("[{} Control {}] {}", utc_now_rfc3339(), getpid(), line));
  if (!written) return;  // as the real daemon: a full disk does not stop it
}

int run_mps_server(const MpsFolders& folders) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  prctl(PR_SET_NAME, "nvidia-cuda-mps-server");
  auto connection = register_with_node(folders.pipe, wire::Role::kMpsServer);
  if (!connection) return 1;
  while (connection->next_notice(-1)) {
  }
  return 0;
}

Result<std::string> ask_mps_daemon(const std::string& pipe, const std::string& command) {
  CORUN_ASSIGN(const Fd fd, connect_control(pipe));
  const std::string line = command + "\n";
  if (::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) {
    return failed("the daemon does not listen");
  }
  std::string reply;
  char buffer[4096];
  for (ssize_t n = read(fd.get(), buffer, sizeof buffer); n > 0;
       n = read(fd.get(), buffer, sizeof buffer)) {
    reply.append(buffer, static_cast<size_t>(n));
  }
  return reply;
}

}  // namespace corun::simgpu
