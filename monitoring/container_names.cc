#include "monitoring/container_names.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/environment.h"
#include "core/json_values.h"
#include "core/log.h"
#include "core/text.h"
#include "core/wait.h"
#include "engine/client/run_dir.h"

namespace corun::monitoring {

namespace {

constexpr size_t kMaxAnswerBytes = 8u << 20;
constexpr Nanos kPatience = std::chrono::seconds(2);
/// Between two rounds of questions, whatever is wanted.
constexpr Nanos kPause = std::chrono::seconds(1);
/// Before an id that no engine knew is asked for again.
constexpr Nanos kAskAgain = std::chrono::seconds(20);
constexpr size_t kMaxKnown = 4096;
constexpr size_t kMaxUserSockets = 64;

std::optional<std::string> text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return one_line(found->get_ref<const std::string&>());
}

ContainerName name_from(const Json& entry) {
  ContainerName name;
  if (const auto names = entry.find("Names");
      names != entry.end() && names->is_array() && !names->empty() && (*names)[0].is_string()) {
    std::string first = one_line((*names)[0].get_ref<const std::string&>());
    if (first.starts_with('/')) first.erase(0, 1);
    name.name = std::move(first);
  }
  name.image = text_at(entry, "Image");
  const auto labels = entry.find("Labels");
  if (labels == entry.end() || !labels->is_object()) return name;
  if (const auto uid = text_at(*labels, "io.kubernetes.pod.uid")) {
    name.pod = Pod{.uid = *uid,
                   .name = text_at(*labels, "io.kubernetes.pod.name"),
                   .namespace_name = text_at(*labels, "io.kubernetes.pod.namespace")};
    if (const auto inside = text_at(*labels, "io.kubernetes.container.name")) name.name = inside;
  }
  return name;
}

}  // namespace

void give_name(Container& container, const ContainerNameMap& names) {
  const auto known = names.find(container.id);
  if (known == names.end()) return;
  container.name = known->second.name;
  container.image = known->second.image;
  if (known->second.pod) container.pod = known->second.pod;
}

Result<ContainerNameMap> parse_containers(std::string_view body) {
  CORUN_ASSIGN(const Json list, parse_json(body, "the engine's containers"));
  if (!list.is_array()) return usage_error("the engine's containers: not a list");
  ContainerNameMap found;
  for (const Json& entry : list) {
    if (!entry.is_object()) continue;
    const auto id = text_at(entry, "Id");
    if (id && !id->empty()) found[*id] = name_from(entry);
  }
  return found;
}

Result<std::string_view> http_body(std::string_view answer) {
  const size_t end = answer.find("\r\n\r\n");
  const std::string_view line = answer.substr(0, answer.find("\r\n"));
  if (!line.starts_with("HTTP/1.") || end == std::string_view::npos) {
    return failed("the engine's answer is no HTTP");
  }
  if (line.substr(std::min<size_t>(8, line.size()), 4) != " 200") {
    return failed("the engine answers '" + one_line(line.substr(0, 80)) + "'");
  }
  return answer.substr(end + 4);
}

std::vector<std::filesystem::path> default_engine_sockets() {
  std::vector<std::filesystem::path> sockets{"/run/docker.sock", "/run/podman/podman.sock"};
  const auto runtime = environment("XDG_RUNTIME_DIR");
  const std::string own = runtime ? *runtime : fmt::format("/run/user/{}", geteuid());
  sockets.push_back(own + "/podman/podman.sock");
  sockets.push_back(own + "/docker.sock");
  return sockets;
}

std::vector<std::filesystem::path> user_engine_sockets(const std::filesystem::path& folders) {
  std::vector<std::filesystem::path> sockets;
  std::error_code error;
  std::filesystem::directory_iterator it(folders, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    for (const char* name : {"podman/podman.sock", "docker.sock"}) {
      std::error_code none;
      const auto socket = it->path() / name;
      if (std::filesystem::is_socket(socket, none)) sockets.push_back(socket);
      if (sockets.size() >= kMaxUserSockets) return sockets;
    }
  }
  return sockets;
}

std::vector<std::filesystem::path> with_user_engines(std::vector<std::filesystem::path> sockets) {
  if (geteuid() != 0) return sockets;
  const auto users = user_engine_sockets("/run/user");
  sockets.insert(sockets.end(), users.begin(), users.end());
  return sockets;
}

namespace {

/// What was asked of one engine, and what it has answered so far.
class Question {
 public:
  /// Asks without waiting: an engine that takes no more connections now is not asked.
  explicit Question(const std::filesystem::path& socket) {
    auto fd = client::connect_unix(socket, SOCK_STREAM | SOCK_NONBLOCK);
    if (!fd) return;
    // HTTP/1.0: the answer is whole and ends with the connection.
    constexpr std::string_view kRequest =
        "GET /containers/json HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";
    const ssize_t sent = send(fd->get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(kRequest.size())) fd_ = std::move(*fd);
  }

  /// -1: nothing more is to come.
  int fd() const { return fd_.get(); }

  /// Takes what has come; the names, once the answer is whole and right.
  ContainerNameMap take() {
    char bytes[16384];
    const ssize_t n = recv(fd_.get(), bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (n > 0) answer_.append(bytes, static_cast<size_t>(n));
    if (n > 0 && answer_.size() < kMaxAnswerBytes) return {};
    fd_.reset();
    const auto body = http_body(answer_);
    if (n != 0 || !body) return {};
    auto names = parse_containers(*body);
    return names ? std::move(*names) : ContainerNameMap{};
  }

 private:
  Fd fd_;
  std::string answer_;
};

}  // namespace

ContainerNameMap ask_engines(std::span<const std::filesystem::path> sockets,
                             const std::set<std::string>& ids, Nanos patience) {
  const Instant deadline = monotonic_now() + patience;
  std::vector<Question> questions;
  for (const auto& socket : sockets) questions.emplace_back(socket);
  ContainerNameMap found;
  const auto needs_more = [&] {
    const bool open = std::any_of(questions.begin(), questions.end(),
                                  [](const Question& one) { return one.fd() >= 0; });
    return open && !std::all_of(ids.begin(), ids.end(),
                                [&](const std::string& id) { return found.contains(id); });
  };
  while (needs_more() && monotonic_now() < deadline) {
    std::vector<int> fds;
    fds.reserve(questions.size());
    for (const Question& one : questions) fds.push_back(one.fd());
    const std::vector<bool> readable = wait_readable(fds, deadline);
    for (size_t i = 0; i < questions.size(); ++i) {
      if (readable[i]) found.merge(questions[i].take());
    }
  }
  return found;
}

struct ContainerNames::Shared {
  explicit Shared(std::vector<std::filesystem::path> where) : sockets(std::move(where)) {}

  void run();
  void take(const ContainerNameMap& found, const std::set<std::string>& ids);

  const std::vector<std::filesystem::path> sockets;
  std::mutex mutex;
  std::condition_variable wake;
  // Guarded by mutex.
  bool stopping = false;
  std::set<std::string> wanted;
  std::map<std::string, Instant> asked;  ///< in vain, when
  ContainerNameMap known;
};

void ContainerNames::Shared::take(const ContainerNameMap& found, const std::set<std::string>& ids) {
  const Instant now = monotonic_now();
  if (known.size() + found.size() > kMaxKnown) known.clear();
  known.insert(found.begin(), found.end());
  for (const std::string& id : ids) {
    wanted.erase(id);
    if (!known.contains(id)) asked[id] = now;
  }
  if (asked.size() > kMaxKnown) asked.clear();
}

void ContainerNames::Shared::run() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    wake.wait(lock, [this] { return stopping || !wanted.empty(); });
    if (stopping) return;
    const std::set<std::string> ids = wanted;
    lock.unlock();
    const ContainerNameMap found = ask_engines(with_user_engines(sockets), ids, kPatience);
    lock.lock();
    take(found, ids);
    wake.wait_for(lock, kPause, [this] { return stopping; });
  }
}

ContainerNames::ContainerNames(std::vector<std::filesystem::path> sockets)
    : shared_(std::make_shared<Shared>(std::move(sockets))) {
  // The thread may still wait for an engine when this object ends: it shares what it uses.
  std::thread([shared = shared_] { shared->run(); }).detach();
}

ContainerNames::~ContainerNames() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stopping = true;
  shared_->wake.notify_all();
}

ContainerNameMap ContainerNames::find(const std::set<std::string>& ids) {
  ContainerNameMap found;
  const std::lock_guard lock(shared_->mutex);
  const Instant now = monotonic_now();
  for (const std::string& id : ids) {
    if (const auto known = shared_->known.find(id); known != shared_->known.end()) {
      found.insert(*known);
      continue;
    }
    const auto asked = shared_->asked.find(id);
    if (asked == shared_->asked.end() || now - asked->second > kAskAgain) {
      shared_->wanted.insert(id);
    }
  }
  if (!shared_->wanted.empty()) shared_->wake.notify_all();
  return found;
}

}  // namespace corun::monitoring
