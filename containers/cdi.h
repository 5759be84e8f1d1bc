// Specifications of the Container Device Interface
// (github.com/cncf-tags/container-device-interface): "podman run --device KIND=NAME" gives a
// container what the device's edits say. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/model/workload.h"
#include "core/result.h"

namespace corun::containers {

/// Of the fields that are used here. Readers refuse versions that they do not know: podman 4 takes
/// 0.3 to 0.5.
inline constexpr char kCdiVersion[] = "0.3.0";

struct CdiDevice {
  std::string name;
  Edits edits;  ///< prepend_env sets: an engine does not know what an image's variables hold
};

struct CdiSpec {
  std::string kind;  ///< "corun.dev/workload"
  std::vector<CdiDevice> devices;
};

/// The file's text (JSON). Errors (usage): a name that CDI does not allow, one that is there twice,
/// or no device.
Result<std::string> cdi_text(const CdiSpec& spec);

}  // namespace corun::containers
