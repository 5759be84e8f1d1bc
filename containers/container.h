// A container as what it is told by: its runtime, and who keeps it.
#pragma once

#include <optional>
#include <string>

namespace corun::containers {

struct Pod {
  std::string uid{};
  std::optional<std::string> name{};
  std::optional<std::string> namespace_name{};  ///< "namespace" in JSON
  bool operator==(const Pod&) const = default;
};

struct Container {
  std::string id{};        ///< 64 hexadecimal digits
  std::string short_id{};  ///< the first 12
  std::string runtime{};   ///< "podman", "docker", "containerd", "cri-o", "unknown"
  std::optional<std::string> name{};
  std::optional<std::string> image{};
  std::optional<Pod> pod{};
  bool operator==(const Container&) const = default;
};

}  // namespace corun::containers
