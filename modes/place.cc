#include "modes/place.h"

#include <nlohmann/json.hpp>

#include "core/environment.h"
#include "core/files.h"

namespace corun::modes {

namespace fs = std::filesystem;

namespace {

constexpr char kFile[] = "held.json";
constexpr char kPrefix[] = "runs-";
constexpr int kPlaceSchema = 1;

Result<Place> place_below_runtime_dir(const std::string& name) {
  CORUN_ASSIGN(const fs::path base, runtime_dir());
  return Place(base / (kPrefix + name));
}

}  // namespace

Result<Place> Place::of_gpu(const std::string& uuid) { return place_below_runtime_dir(uuid); }

Place Place::of_node(const fs::path& node) { return Place(node / "runs"); }

Result<Place> Place::of_profile(const std::string& profile) {
  return place_below_runtime_dir("simulated-" + profile);
}

std::vector<Place> Place::all() {
  if (const auto node = environment(kEnvSimNode)) return {of_node(*node)};
  std::vector<Place> places;
  const auto base = runtime_dir();
  if (!base) return places;
  std::error_code error;
  for (fs::directory_iterator it(*base, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(kPrefix)) places.emplace_back(it->path());
  }
  return places;
}

std::optional<Held> Place::held() const {
  const auto value = read_json_file(folder_ / kFile);
  if (!value) return std::nullopt;
  Held held;
  try {
    if (value->at("schema").get<int>() != kPlaceSchema) return std::nullopt;
    held.holder.pid = value->at("holder").at("pid").get<pid_t>();
    held.holder.start_ticks = value->at("holder").at("start_ticks").get<uint64_t>();
    held.sim_node = value->at("sim_node").get<std::string>();
    held.driver_dir = value->at("driver_dir").get<std::string>();
    auto plan = plan_from_json(value->at("plan"));
    if (!plan) return std::nullopt;
    held.plan = std::move(*plan);
  } catch (const Json::exception&) {
    return std::nullopt;  // as good as none: a holder writes it whole
  }
  if (!is_alive(held.holder)) return std::nullopt;
  return held;
}

Status Place::write(const Held& held) const {
  const Json value{{"schema", kPlaceSchema},
                   {"holder", {{"pid", held.holder.pid}, {"start_ticks", held.holder.start_ticks}}},
                   {"sim_node", held.sim_node},
                   {"driver_dir", held.driver_dir},
                   {"plan", to_json(held.plan)}};
  return write_file_atomically(folder_ / kFile, to_line(value) + "\n");
}

void Place::clear() const {
  std::error_code ignored;
  fs::remove(folder_ / kFile, ignored);
}

}  // namespace corun::modes
