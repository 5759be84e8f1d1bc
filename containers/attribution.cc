#include "containers/attribution.h"

#include <algorithm>
#include <charconv>

#include "core/text.h"

namespace corun::containers {

namespace {

constexpr size_t kIdLength = 64;
constexpr size_t kShortIdLength = 12;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool is_id_char(char c) { return is_hex(c) || (c >= 'g' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The next line, and `text` behind it.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// The part between slashes that ends `path`, and `path` before it.
std::string_view take_last_part(std::string_view& path) {
  const size_t slash = path.rfind('/');
  const std::string_view part = slash == std::string_view::npos ? path : path.substr(slash + 1);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  return part;
}

/// Where exactly 64 hexadecimal digits begin in `part`, of the last such place.
std::optional<size_t> find_id(std::string_view part) {
  size_t end = part.size();
  while (end >= kIdLength) {
    if (!is_hex(part[end - 1])) {
      --end;
      continue;
    }
    size_t begin = end;
    while (begin > 0 && is_hex(part[begin - 1])) --begin;
    const bool apart = (begin == 0 || !is_id_char(part[begin - 1])) &&
                       (end == part.size() || !is_id_char(part[end]));
    if (end - begin == kIdLength && apart) return begin;
    end = begin;
  }
  return std::nullopt;
}

/// The runtime that writes this in front of an id, or nothing where it is no container's own scope
/// (conmon watches a container from outside). `parent`: the part before it.
std::optional<std::string_view> runtime_of(std::string_view prefix, std::string_view parent) {
  const auto ends = [prefix](std::string_view word) { return prefix.ends_with(word); };
  if (ends("conmon-")) return std::nullopt;
  if (ends("libpod-")) return "podman";
  if (ends("cri-containerd-") || ends("cri-containerd:")) return "containerd";
  if (ends("crio-")) return "cri-o";
  if (ends("docker-") || parent == "docker") return "docker";
  if (ends("nerdctl-") || parent == "default" || parent == "k8s.io") return "containerd";
  return "unknown";
}

/// Length of a pod's UID at the start of `text`: 36 with dashes or underscores, or 32 hexadecimal
/// digits (static pods). 0: there is none.
size_t pod_uid_length(std::string_view text) {
  size_t length = 0;
  while (length < text.size() &&
         (is_hex(text[length]) || text[length] == '-' || text[length] == '_')) {
    ++length;
  }
  if (length == 36) {
    for (const size_t dash : {8U, 13U, 18U, 23U}) {
      if (text[dash] != '-' && text[dash] != '_') return 0;
    }
    return length;
  }
  const std::string_view digits = text.substr(0, length);
  return length == 32 && std::all_of(digits.begin(), digits.end(), is_hex) ? length : 0;
}

std::optional<Pod> pod_of(std::string_view path) {
  for (size_t at = path.rfind("pod"); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : path.rfind("pod", at - 1)) {
    const size_t length = pod_uid_length(path.substr(at + 3));
    if (length == 0) continue;
    Pod pod;
    pod.uid = path.substr(at + 3, length);
    std::replace(pod.uid.begin(), pod.uid.end(), '_', '-');
    return pod;
  }
  return std::nullopt;
}

std::optional<Container> container_in(const std::string_view path) {
  std::string_view before = path;
  while (!before.empty()) {
    const std::string_view part = take_last_part(before);
    const auto at = find_id(part);
    if (!at) continue;
    std::string_view rest = before;
    const auto runtime = runtime_of(part.substr(0, *at), take_last_part(rest));
    if (!runtime) continue;
    Container container;
    container.id = part.substr(*at, kIdLength);
    container.short_id = container.id.substr(0, kShortIdLength);
    container.runtime = *runtime;
    container.pod = pod_of(path);
    return container;
  }
  return std::nullopt;
}

/// A container without anything but its id and runtime; nothing where `id` is no id.
std::optional<Container> bare_container(std::string_view id, std::string_view runtime) {
  if (id.size() != kIdLength || !std::all_of(id.begin(), id.end(), is_hex)) return std::nullopt;
  Container container;
  container.id = id;
  container.short_id = container.id.substr(0, kShortIdLength);
  container.runtime = runtime;
  return container;
}

/// The next argument of a /proc/PID/cmdline, and `text` behind it.
std::string_view take_argument(std::string_view& text) {
  const size_t end = text.find('\0');
  const std::string_view argument = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return argument;
}

template <typename T>
bool parse_whole(std::string_view word, T& value) {
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  return code == std::errc() && end == word.data() + word.size();
}

/// The words of a line, `most` at most.
std::vector<std::string_view> words_of(std::string_view line, size_t most = SIZE_MAX) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  std::vector<std::string_view> words;
  const auto* at = line.begin();
  while (words.size() < most) {
    at = std::find_if_not(at, line.end(), is_blank);
    if (at == line.end()) break;
    const auto* const end = std::find_if(at, line.end(), is_blank);
    words.emplace_back(at, static_cast<size_t>(end - at));
    at = end;
  }
  return words;
}

}  // namespace

std::optional<Container> container_of(std::string_view cgroup_file) {
  std::optional<Container> best;
  while (!cgroup_file.empty()) {
    std::string_view line = take_line(cgroup_file);
    // HIERARCHY:CONTROLLERS:PATH; the path itself may hold colons.
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    auto found = container_in(line.substr(second + 1));
    if (!found) continue;
    // Some lines of a hybrid hierarchy tell less than others: a runtime, a pod.
    const bool tells_more = !best || (best->runtime == "unknown" && found->runtime != "unknown") ||
                            (!best->pod && found->pod);
    if (tells_more) best = std::move(found);
  }
  return best;
}

std::optional<Container> container_kept_by(std::string_view cmdline_file) {
  std::string_view path = take_argument(cmdline_file);
  const std::string_view program = take_last_part(path);
  const bool conmon = program == "conmon";
  if (!conmon && !program.starts_with("containerd-shim")) return std::nullopt;
  std::string_view id;
  std::string_view of_shim;
  while (!cmdline_file.empty()) {
    const std::string_view option = take_argument(cmdline_file);
    const bool names_it = conmon ? option == "-c" || option == "--cid" : option == "-id";
    if (names_it) id = take_argument(cmdline_file);
    if (!conmon && option == "-namespace") of_shim = take_argument(cmdline_file);
  }
  if (conmon) return bare_container(id, "podman");
  return bare_container(id, of_shim == "moby" ? "docker" : "containerd");
}

std::optional<ProcStat> parse_proc_stat(std::string_view text) {
  // The name may itself hold blanks and parentheses.
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  constexpr size_t kStart = 22 - 3;  // fields behind the name are numbered from 3 in proc(5)
  const auto words = words_of(text.substr(close + 1), kStart + 1);
  ProcStat stat;
  if (words.size() <= kStart || !parse_whole(words[kStart], stat.start_ticks)) {
    return std::nullopt;
  }
  stat.name = one_line(text.substr(open + 1, close - open - 1));
  stat.state = words[0].front();
  if (!parse_whole(words[1], stat.parent)) return std::nullopt;
  return stat;
}

std::optional<ProcStatus> parse_proc_status(std::string_view text) {
  ProcStatus status;
  bool has_user = false;
  while (!text.empty()) {
    const auto words = words_of(take_line(text));
    if (words.size() < 2) continue;
    if (words[0] == "Uid:") has_user = parse_whole(words[1], status.user);
    if (words[0] != "NSpid:") continue;
    for (size_t i = 1; i < words.size(); ++i) {
      int pid = 0;
      if (parse_whole(words[i], pid)) status.namespaced.push_back(pid);
    }
  }
  if (!has_user) return std::nullopt;
  return status;
}

std::string command_of(std::string_view cmdline_file) {
  while (!cmdline_file.empty() && cmdline_file.back() == '\0') cmdline_file.remove_suffix(1);
  std::string text(cmdline_file.substr(0, kMaxCommandBytes + 1));
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (text.size() > kMaxCommandBytes) {
    size_t end = kMaxCommandBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
  }
  return one_line(text);
}

}  // namespace corun::containers
