#include "engine/client/client.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "core/json_fields.h"
#include "core/json_values.h"
#include "core/wait.h"

namespace corun::client {

namespace {

constexpr size_t kMaxReplyBytes = 32u << 20;
constexpr char kStartHint[] = "start one with `corund --gpu GPU`, or `corun run`";

/// The error that a reply holds.
Error error_of(const Json& reply) {
  Error error = failed("corund refused the request without saying why");
  const auto found = reply.find("error");
  if (found == reply.end() || !found->is_object()) return error;
  std::string kind;
  JsonFields in(*found, "error");
  in.get("kind", kind);
  in.get("what", error.what);
  in.get("todo", error.todo);
  if (kind == "usage") error.kind = ErrorKind::kUsage;
  if (kind == "unsupported") error.kind = ErrorKind::kUnsupported;
  return error;
}

template <typename T>
void put(Json& request, const char* key, const std::optional<T>& value) {
  if (value) request[key] = *value;
}

}  // namespace

Result<Client> Client::connect(const std::filesystem::path& run_dir, const std::string& gpu_uuid) {
  const auto path = daemon_files(run_dir, gpu_uuid).control_socket();
  auto fd = connect_unix(path, SOCK_STREAM);
  if (!fd) {
    return failed(fmt::format("no corund governs GPU {} ({})", gpu_uuid, fd.error().what),
                  kStartHint);
  }
  return Client(std::move(fd).value(), path.string());
}

Result<Client> Client::connect_only(const std::filesystem::path& run_dir) {
  std::string names;
  std::optional<Client> found;
  int count = 0;
  for (const std::string& uuid : gpus_with_daemon(run_dir)) {
    auto client = connect(run_dir, uuid);
    if (!client) continue;  // the socket of a daemon that was killed
    names += (count++ == 0 ? "" : ", ") + uuid;
    found = std::move(client).value();
  }
  if (count == 0) return failed("no corund runs (looked in " + run_dir.string() + ")", kStartHint);
  if (count > 1) {
    return usage_error("several daemons run: " + names, "name one with --gpu");
  }
  return std::move(*found);
}

Result<std::string> Client::read_line(Instant deadline) {
  while (true) {
    const size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (buffer_.size() > kMaxReplyBytes) return failed("a reply of " + where_ + " has no end");
    const int fd = fd_.get();
    if (!wait_readable({&fd, 1}, deadline)[0]) {
      if (monotonic_now() < deadline) continue;  // a signal
      return failed("corund does not answer at " + where_,
                    "look at its log; it is stopped or overloaded");
    }
    char bytes[16 * 1024];
    const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return failed("corund closed the connection at " + where_);
    buffer_.append(bytes, static_cast<size_t>(n));
  }
}

Result<Json> Client::call(const Json& request, Nanos patience) {
  if (!fd_) return failed("the connection to " + where_ + " is closed");
  const Instant deadline = monotonic_now() + patience;
  const std::string line = to_line(request) + "\n";
  // Requests are far smaller than a socket's buffer, so this does not block for long.
  const ssize_t sent = send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(line.size())) {
    const Error error = failed("cannot send to " + where_ + ": " + std::strerror(errno));
    fd_.reset();
    return error;
  }
  auto reply = read_line(deadline);
  if (!reply) {
    fd_.reset();  // a late reply would be taken for the next one's
    return reply.error();
  }
  CORUN_ASSIGN(Json value, parse_json(*reply, "the reply of " + where_));
  if (!value.is_object()) return failed("the reply of " + where_ + " is no object");
  const auto ok = value.find("ok");
  if (ok == value.end() || !ok->is_boolean() || !ok->get<bool>()) return error_of(value);
  return value;
}

Result<DaemonStatus> Client::status() {
  CORUN_ASSIGN(const Json reply, call({{"op", "status"}}));
  const auto found = reply.find("status");
  if (found == reply.end()) return failed("the reply of " + where_ + " has no status");
  return status_from_json(*found);
}

Status Client::set(const WorkloadChange& change) {
  Json request = {{"op", "set"}, {"workload", change.workload}};
  if (change.service_class) request["class"] = to_string(*change.service_class);
  put(request, "weight", change.weight);
  put(request, "min_share", change.min_share);
  put(request, "max_share", change.max_share);
  put(request, "memory_limit_bytes", change.memory_limit_bytes);
  put(request, "latency_target_us", change.latency_target_us);
  CORUN_TRY(call(request));
  return {};
}

Result<DaemonSettings> Client::change_settings(const SettingsChange& change) {
  Json request = {{"op", "settings"}};
  put(request, "policy", change.policy);
  put(request, "linger_us", change.linger_us);
  put(request, "learn_linger", change.learn_linger);
  put(request, "hold", change.hold);
  put(request, "quantum_ms", change.quantum_ms);
  put(request, "quota_window_ms", change.quota_window_ms);
  put(request, "wait_every_us", change.wait_every_us);
  put(request, "preempted_slice_us", change.preempted_slice_us);
  put(request, "gate_with_slices", change.gate_with_slices);
  put(request, "max_burst_ms", change.max_burst_ms);
  put(request, "park_idle_s", change.park_idle_s);
  put(request, "memory_wait_s", change.memory_wait_s);
  put(request, "longest_away_s", change.longest_away_s);
  put(request, "memory_reserve_bytes", change.memory_reserve_bytes);
  put(request, "memory_capacity_bytes", change.memory_capacity_bytes);
  CORUN_ASSIGN(const Json reply, call(request));
  const auto found = reply.find("settings");
  if (found == reply.end()) return failed("the reply of " + where_ + " has no settings");
  return settings_from_json(*found);
}

Result<Trace> Client::trace(const std::string& workload, uint64_t since) {
  Json request = {{"op", "trace"}, {"since", since}};
  if (!workload.empty()) request["workload"] = workload;
  CORUN_ASSIGN(const Json reply, call(request));
  return trace_from_json(reply);
}

Result<Events> Client::events(uint64_t since) {
  CORUN_ASSIGN(const Json reply, call({{"op", "events"}, {"since", since}}));
  return events_from_json(reply);
}

Result<Slices> Client::slices(const std::string& workload, uint64_t since) {
  Json request = {{"op", "slices"}, {"since", since}};
  if (!workload.empty()) request["workload"] = workload;
  CORUN_ASSIGN(const Json reply, call(request));
  return slices_from_json(reply);
}

Status Client::park(const std::string& workload, bool until_resume, Nanos patience) {
  CORUN_TRY(
      call({{"op", "park"}, {"workload", workload}, {"until_resume", until_resume}}, patience));
  return {};
}

Status Client::resume(const std::string& workload, Nanos patience) {
  CORUN_TRY(call({{"op", "resume"}, {"workload", workload}}, patience));
  return {};
}

Status Client::shutdown() {
  CORUN_TRY(call({{"op", "shutdown"}}));
  return {};
}

}  // namespace corun::client
