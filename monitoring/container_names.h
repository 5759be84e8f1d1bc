// Names of containers, asked of the container engines of this node (docker and podman, over their
// REST sockets) on a thread of its own: an engine that is absent, slow or wrong delays nobody.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
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

/// The answer to GET /containers/json. Entries without an id are skipped. Errors (usage): no list.
Result<ContainerNameMap> parse_containers(std::string_view body);
/// The body of a whole HTTP answer. Errors (failed): not one, or its status is not 200.
Result<std::string_view> http_body(std::string_view answer);

/// Asks one engine. Errors (failed): nobody listens, no answer within `patience`, or a wrong one.
Result<ContainerNameMap> ask_engine(const std::filesystem::path& socket, Nanos patience);

class ContainerNames {
 public:
  /// The engines' sockets of this node and user.
  static std::vector<std::filesystem::path> default_sockets();
  /// Those of users' own engines, which only root may ask: they come and go with their users.
  /// `folders`: /run/user.
  static std::vector<std::filesystem::path> user_sockets(const std::filesystem::path& folders);

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
