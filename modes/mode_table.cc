#include "modes/driver_scheduled.h"
#include "modes/managed.h"
#include "modes/mode.h"
#include "modes/mps.h"

namespace corun::modes {

Result<std::map<std::string, ManagedFigures>> Mode::observe(const Plan&,
                                                            std::span<const Tenant>) const {
  return std::map<std::string, ManagedFigures>();
}

std::optional<std::string> Mode::crashed(const Plan&) { return std::nullopt; }

Status Mode::restart(const Plan& plan) {
  return failed("mode " + plan.mode + " has no daemon of its own");
}

std::vector<std::unique_ptr<Mode>> all_modes(const DaemonChoice& choice) {
  std::vector<std::unique_ptr<Mode>> modes;
  modes.push_back(make_exclusive());
  modes.push_back(make_time_slicing());
  modes.push_back(make_mps());
  modes.push_back(make_mps_priority());
  modes.push_back(make_managed(choice));
  modes.push_back(make_managed_mps(choice));
  return modes;
}

Result<std::unique_ptr<Mode>> find_mode(std::string_view name, const DaemonChoice& choice) {
  std::string known;
  for (auto& mode : all_modes(choice)) {
    if (mode->name() == name) return std::move(mode);
    known += known.empty() ? "" : ", ";
    known += mode->name();
  }
  return usage_error("unknown mode '" + std::string(name) + "'", "use one of " + known);
}

}  // namespace corun::modes
