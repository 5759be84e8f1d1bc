// Verdicts on time slices that were measured before.
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/clock.h"
#include "core/environment.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "core/json_values.h"
#include "engine/daemon/slices_test.h"

namespace corun::daemon {

namespace fs = std::filesystem;

namespace {
constexpr int kSchema = 1;
}  // namespace

std::optional<fs::path> slices_cache_file(const GpuInfo& gpu) {
  const std::string name = "slices-" + gpu.uuid + "-" + gpu.driver + ".json";
  if (const auto cache = environment("XDG_CACHE_HOME")) return fs::path(*cache) / "corun" / name;
  if (const auto home = environment("HOME")) return fs::path(*home) / ".cache" / "corun" / name;
  return std::nullopt;
}

std::optional<SlicesVerdict> cached_slices(const GpuInfo& gpu) {
  const auto path = slices_cache_file(gpu);
  if (!path) return std::nullopt;
  const auto value = read_json_file(*path);
  if (!value) return std::nullopt;
  int schema = 0;
  std::string state;
  SlicesVerdict verdict;
  JsonFields in(*value, "verdict");
  in.get("schema", schema);
  in.get("state", state);
  in.get("why", verdict.why);
  const auto parsed = client::parse_slices_state(state);
  if (!in.status() || schema != kSchema || !parsed) return std::nullopt;
  verdict.state = *parsed;
  if (verdict.state == client::SlicesState::kUnproven) return std::nullopt;
  return verdict;
}

Status cache_slices(const GpuInfo& gpu, const SlicesVerdict& verdict) {
  const auto path = slices_cache_file(gpu);
  if (!path || verdict.state == client::SlicesState::kUnproven) return {};
  std::error_code error;
  fs::create_directories(path->parent_path(), error);
  if (error) return failed("cannot make " + path->parent_path().string() + ": " + error.message());
  return write_file_atomically(*path, to_line({{"schema", kSchema},
                                               {"gpu", gpu.uuid},
                                               {"driver", gpu.driver},
                                               {"state", client::to_string(verdict.state)},
                                               {"why", verdict.why},
                                               {"measured", utc_now_rfc3339()}}) +
                                          "\n");
}

}  // namespace corun::daemon
