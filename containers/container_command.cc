#include "containers/container_command.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace corun::containers {

namespace {

constexpr std::array<std::string_view, 3> kEngines{"podman", "docker", "nerdctl"};
/// Options in front of the engines' verbs that have no value; all others have one.
constexpr std::array<std::string_view, 14> kFlags{
    "--help",  "--version", "--remote",          "-r",      "--syslog",    "--trace",        "-D",
    "--debug", "--tls",     "--transient-store", "--noout", "--tlsverify", "--experimental", "-v"};
/// Options of "run" and "create" that have no value.
constexpr std::array<std::string_view, 19> kRunFlags{
    "--rm",          "--interactive",    "--tty",
    "--init",        "--privileged",     "--read-only",
    "--replace",     "--quiet",          "--rmi",
    "--publish-all", "--rootfs",         "--no-hosts",
    "--sig-proxy",   "--no-healthcheck", "--oom-kill-disable",
    "--env-host",    "--no-hostname",    "--tls-verify",
    "--http-proxy"};
/// Those of one letter, which may stand together: "-dit".
constexpr std::string_view kRunLetters = "ditPq";
/// Paths of the host mean nothing in an image.
constexpr std::array<std::string_view, 2> kOfTheImage{"PATH", "LD_LIBRARY_PATH"};

template <size_t N>
bool is_in(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// A word of one-letter options without values.
bool are_letters(std::string_view word) {
  return word.size() > 1 && word[0] == '-' &&
         word.find_first_not_of(kRunLetters, 1) == std::string_view::npos;
}

}  // namespace

std::optional<size_t> container_options_at(const std::vector<std::string>& command) {
  if (command.empty()) return std::nullopt;
  const std::string_view program = command[0];
  if (!is_in(kEngines, program.substr(program.rfind('/') + 1))) return std::nullopt;
  size_t at = 1;
  while (at < command.size() && command[at].starts_with('-')) {
    const bool alone = is_in(kFlags, command[at]) || command[at].find('=') != std::string::npos;
    at += alone ? 1 : 2;
  }
  if (at < command.size() && command[at] == "container") ++at;
  if (at >= command.size() || (command[at] != "run" && command[at] != "create")) {
    return std::nullopt;
  }
  return at + 1;
}

bool leaves_container_behind(const std::vector<std::string>& command) {
  auto at = container_options_at(command);
  if (!at) return false;
  if (command[*at - 1] == "create") return true;
  for (size_t i = *at; i < command.size() && command[i].starts_with('-'); ++i) {
    const std::string_view word = command[i];
    if (word == "--detach" || word == "--detach=true") return true;
    if (are_letters(word)) {
      if (word.find('d') != std::string_view::npos) return true;
      continue;
    }
    if (!is_in(kRunFlags, word) && word.find('=') == std::string_view::npos) ++i;
  }
  return false;
}

std::vector<std::string> with_container_edits(std::vector<std::string> command,
                                              const Edits& edits) {
  const auto at = container_options_at(command);
  if (!at) return command;
  std::vector<std::string> options;
  const auto set = [&options](const std::string& name, const std::string& value) {
    if (is_in(kOfTheImage, name)) return;
    options.insert(options.end(), {"--env", name + "=" + value});
  };
  for (const auto& [name, value] : edits.env) {
    if (!edits.prepend_env.contains(name)) set(name, value);
  }
  for (const auto& [name, value] : edits.prepend_env) {
    const auto behind = edits.env.find(name);
    set(name, behind == edits.env.end() ? value : value + ":" + behind->second);
  }
  std::set<std::string> mounted;
  for (const Edits::Mount& mount : edits.mounts) {
    if (!mounted.insert(mount.container_path).second) continue;
    options.insert(options.end(), {"--volume", mount.host_path + ":" + mount.container_path +
                                                   (mount.read_only ? ":ro" : "")});
  }
  for (const std::string& device : edits.devices) {
    options.insert(options.end(), {"--device", device});
  }
  command.insert(command.begin() + static_cast<std::ptrdiff_t>(*at), options.begin(),
                 options.end());
  return command;
}

}  // namespace corun::containers
