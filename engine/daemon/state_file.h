// What survives the daemon: settings, and what operators changed of workloads. JSON, replaced
// atomically, so that a crash leaves the old state or the new one.
#pragma once

#include <filesystem>

#include "core/json.h"
#include "core/result.h"
#include "engine/daemon/sharing.h"

namespace corun::daemon {

Json to_json(const Persistent& state);
/// Backend and whether slices act are not part of it: they are this start's, taken from `base`.
/// Errors (usage): a wrong schema, key or value.
Result<Persistent> persistent_from_json(const Json& value, const Persistent& base);

/// `base` when there is no such file. Errors (failed, usage): it cannot be read or is damaged.
Result<Persistent> load_state(const std::filesystem::path& path, const Persistent& base);
Status save_state(const std::filesystem::path& path, const Persistent& state);

}  // namespace corun::daemon
