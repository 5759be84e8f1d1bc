#include "containers/cdi.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/json.h"

namespace corun::containers {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// As version 0.3.0 has it: a letter first, and no mark at the end.
Status check_device_name(const std::string& name) {
  const bool good = !name.empty() && is_letter(name.front()) &&
                    (is_letter(name.back()) || is_digit(name.back())) &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
                    });
  if (good) return {};
  return usage_error(fmt::format("'{}' cannot be the name of a CDI device", name),
                     "begin with a letter and end with a letter or digit");
}

Json mount_json(const Edits::Mount& mount) {
  Json options = {"nosuid", "nodev", "bind"};
  if (mount.read_only) options.insert(options.begin(), "ro");
  return {{"hostPath", mount.host_path},
          {"containerPath", mount.container_path},
          {"options", std::move(options)}};
}

/// nlohmann::json sorts keys; the order of values is that of the edits.
Json edits_json(const Edits& edits) {
  Json json = Json::object();
  for (const auto& [name, value] : edits.env) {
    if (!edits.prepend_env.contains(name)) json["env"].push_back(fmt::format("{}={}", name, value));
  }
  for (const auto& [name, value] : edits.prepend_env) {
    const auto behind = edits.env.find(name);
    const std::string rest = behind == edits.env.end() ? "" : ":" + behind->second;
    json["env"].push_back(fmt::format("{}={}{}", name, value, rest));
  }
  for (const std::string& device : edits.devices) json["deviceNodes"].push_back({{"path", device}});
  for (const Edits::Mount& mount : edits.mounts) json["mounts"].push_back(mount_json(mount));
  return json;
}

}  // namespace

Result<std::string> cdi_text(const CdiSpec& spec) {
  Json devices = Json::array();
  std::set<std::string> names;
  for (const CdiDevice& device : spec.devices) {
    CORUN_TRY(check_device_name(device.name));
    if (!names.insert(device.name).second) {
      return usage_error(fmt::format("the CDI device '{}' is there twice", device.name));
    }
    devices.push_back({{"name", device.name}, {"containerEdits", edits_json(device.edits)}});
  }
  if (devices.empty()) return usage_error("a CDI specification has at least one device");
  const Json json = {
      {"cdiVersion", kCdiVersion}, {"kind", spec.kind}, {"devices", std::move(devices)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace corun::containers
