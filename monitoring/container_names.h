// Names of containers, asked of the container engines of this node (docker and podman, over their
// REST sockets) on a thread of its own: an engine that is absent, slow or wrong delays nobody.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "monitoring/snapshot.h"

namespace corun::monitoring {

struct ContainerName {
  std::optional<std::string> name{};
  std::optional<std::string> image{};
  std::optional<Pod> pod{};  ///< from the labels that Kubernetes gives
  bool operator==(const ContainerName&) const = default;
};
using ContainerNameMap = std::map<std::string, ContainerName>;  ///< by full id

/// Sets name, image and pod, if they are among `names`.
void give_name(Container& container, const ContainerNameMap& names);

/// The answer to GET /containers/json. Entries without an id are skipped. Errors (usage): no list.
Result<ContainerNameMap> parse_containers(std::string_view body);
/// The body of a whole HTTP answer. Errors (failed): not one, or its status is not 200.
Result<std::string_view> http_body(std::string_view answer);

/// The engines' sockets of this node and user.
std::vector<std::filesystem::path> default_engine_sockets();
/// Those of users' own engines, which only root may ask: they come and go with their users.
/// `folders`: /run/user.
std::vector<std::filesystem::path> user_engine_sockets(const std::filesystem::path& folders);
/// `sockets`, and as root those of all users that are there now.
std::vector<std::filesystem::path> with_user_engines(std::vector<std::filesystem::path> sockets);

/// Asks all of these engines at once, until all of `ids` are known, every engine has answered or
/// `patience` is over. What those know that answered by then and rightly; the rest is left out.
ContainerNameMap ask_engines(std::span<const std::filesystem::path> sockets,
                             const std::set<std::string>& ids, Nanos patience);

class ContainerNames {
 public:
  explicit ContainerNames(std::vector<std::filesystem::path> sockets);
  ~ContainerNames();
  ContainerNames(const ContainerNames&) = delete;
  ContainerNames& operator=(const ContainerNames&) = delete;

  /// What is known of these containers. Those that are not known are asked for in the background.
  ContainerNameMap find(const std::set<std::string>& ids);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace corun::monitoring
