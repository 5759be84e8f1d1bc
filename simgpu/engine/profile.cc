#include "simgpu/engine/profile.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <variant>

namespace corun::simgpu {
namespace {

using Member =
    std::variant<int Profile::*, uint64_t Profile::*, double Profile::*, Nanos Profile::*>;

/// One number of a profile file. Times are microseconds in the file.
struct Field {
  const char* key;
  Member member;
  double least;
  double most;
};

constexpr double kMost = 1e15;
constexpr double kLongestUs = 3.6e9;  // 1 hour

const Field kFields[] = {
    {"compute_major", &Profile::compute_major, 1, 99},
    {"compute_minor", &Profile::compute_minor, 0, 99},
    {"sm_count", &Profile::sm_count, 1, 4096},
    {"max_threads_per_sm", &Profile::max_threads_per_sm, 32, 65536},
    {"max_blocks_per_sm", &Profile::max_blocks_per_sm, 1, 32},
    {"l2_bytes", &Profile::l2_bytes, 0, kMost},
    {"memory_bytes", &Profile::memory_bytes, 1 << 20, kMost},
    {"memory_granule_bytes", &Profile::memory_granule_bytes, 1, 1 << 30},
    {"context_bytes", &Profile::context_bytes, 0, kMost},
    {"mps_context_bytes", &Profile::mps_context_bytes, 0, kMost},
    {"dram_bytes_per_s", &Profile::dram_bytes_per_s, 1, kMost},
    {"h2d_bytes_per_s", &Profile::h2d_bytes_per_s, 1, kMost},
    {"d2h_bytes_per_s", &Profile::d2h_bytes_per_s, 1, kMost},
    {"block_spread", &Profile::block_spread, 0, 0.5},
    {"submit_latency_us", &Profile::submit_latency, 0, kLongestUs},
    {"graph_latency_us", &Profile::graph_latency, 0, kLongestUs},
    {"kernel_gap_us", &Profile::kernel_gap, 0, kLongestUs},
    {"copy_latency_us", &Profile::copy_latency, 0, kLongestUs},
    {"word_latency_us", &Profile::word_latency, 0, kLongestUs},
    {"timeslice_us", &Profile::timeslice, 1, kLongestUs},
    {"slice_restore_us", &Profile::slice_restore, 0, kLongestUs},
    {"slice_switch_us", &Profile::slice_switch, 0, kLongestUs},
    {"slice_record_gap_us", &Profile::slice_record_gap, 0, kLongestUs},
    {"slice_least_work_us", &Profile::slice_least_work, 0.001, kLongestUs},
    {"timeslice_told_us", &Profile::timeslice_told, 1, kLongestUs},
    {"timeslice_settle_us", &Profile::timeslice_settle, 0, kLongestUs},
    {"preempt_latency_us", &Profile::preempt_latency, 0, kLongestUs},
    {"control_us", &Profile::control_time, 0, kLongestUs},
    {"flush_us", &Profile::flush_time, 0, kLongestUs},
    {"park_bytes_per_s", &Profile::park_bytes_per_s, 1, kMost},
    {"restore_bytes_per_s", &Profile::restore_bytes_per_s, 1, kMost},
    {"park_left_bytes", &Profile::park_left_bytes, 0, kMost},
    {"idle_w", &Profile::idle_w, 0, 1e5},
    {"context_w", &Profile::context_w, 0, 1e5},
    {"power_limit_w", &Profile::power_limit_w, 1, 1e5},
    {"sm_w", &Profile::sm_w, 0, 1e5},
    {"dram_w", &Profile::dram_w, 0, 1e5},
    {"idle_sm_clock_mhz", &Profile::idle_sm_clock_mhz, 1, 1e5},
    {"max_sm_clock_mhz", &Profile::max_sm_clock_mhz, 1, 1e5},
    {"memory_clock_mhz", &Profile::memory_clock_mhz, 1, 1e5},
    {"ambient_c", &Profile::ambient_c, -50, 100},
    {"heat_c_per_w", &Profile::heat_c_per_w, 0, 10},
    {"heat_time_us", &Profile::heat_time, 1, kLongestUs},
    {"utilization_period_us", &Profile::utilization_period, 1000, kLongestUs},
};

Error bad(std::string_view origin, std::string_view key, std::string_view what) {
  return usage_error(fmt::format("{}: profile key \"{}\": {}", origin, key, what),
                     "see simgpu/profiles/h100.json for a complete profile");
}

Result<std::string> text_of(const Json& value, std::string_view origin, const char* key) {
  const auto it = value.find(key);
  if (it == value.end() || !it->is_string() || it->get_ref<const std::string&>().empty()) {
    return bad(origin, key, "must be a text that is not empty");
  }
  return it->get<std::string>();
}

void store(Profile& profile, const Member& member, double number) {
  if (const auto* whole = std::get_if<int Profile::*>(&member)) {
    profile.** whole = static_cast<int>(number);
  } else if (const auto* bytes = std::get_if<uint64_t Profile::*>(&member)) {
    profile.** bytes = static_cast<uint64_t>(number);
  } else if (const auto* real = std::get_if<double Profile::*>(&member)) {
    profile.** real = number;
  } else {
    profile.*std::get<Nanos Profile::*>(member) = from_micros(number);
  }
}

bool wants_whole(const Member& member) {
  return std::holds_alternative<int Profile::*>(member) ||
         std::holds_alternative<uint64_t Profile::*>(member);
}

Status read_field(Profile& profile, const Json& parameters, const Field& field,
                  std::string_view origin) {
  const auto it = parameters.find(field.key);
  if (it == parameters.end()) return bad(origin, field.key, "is missing");
  if (!it->is_object() || !it->contains("value") || !(*it)["value"].is_number()) {
    return bad(origin, field.key, R"(must be {"value": NUMBER, "source": TEXT})");
  }
  CORUN_TRY(text_of(*it, fmt::format("{}: {}", origin, field.key), "source"));
  const auto number = (*it)["value"].get<double>();
  if (!(number >= field.least && number <= field.most)) {
    return bad(origin, field.key,
               fmt::format("{} is not between {} and {}", number, field.least, field.most));
  }
  if (wants_whole(field.member) && number != std::floor(number)) {
    return bad(origin, field.key, fmt::format("{} is not a whole number", number));
  }
  store(profile, field.member, number);
  return {};
}

Status check_known_keys(const Json& parameters, std::string_view origin) {
  std::set<std::string_view> known;
  for (const Field& field : kFields) known.insert(field.key);
  for (const auto& [key, unused] : parameters.items()) {
    if (!known.contains(key)) return bad(origin, key, "is not known");
  }
  return {};
}

}  // namespace

Result<Profile> profile_from_json(const Json& value, std::string_view origin) {
  if (!value.is_object()) return usage_error(fmt::format("{}: not a JSON object", origin));
  const auto schema = value.find("schema");
  if (schema == value.end() || *schema != 1) return bad(origin, "schema", "must be 1");
  const auto parameters = value.find("parameters");
  if (parameters == value.end() || !parameters->is_object()) {
    return bad(origin, "parameters", "must be an object");
  }
  Profile profile;
  CORUN_ASSIGN(profile.name, text_of(value, origin, "name"));
  CORUN_ASSIGN(profile.product_name, text_of(value, origin, "product_name"));
  CORUN_TRY(check_known_keys(*parameters, origin));
  for (const Field& field : kFields) CORUN_TRY(read_field(profile, *parameters, field, origin));
  if (profile.power_limit_w < profile.idle_w) {
    return bad(origin, "power_limit_w", "is below idle_w");
  }
  return profile;
}

Result<Profile> read_profile(const std::filesystem::path& path) {
  CORUN_ASSIGN(const Json value, read_json_file(path));
  return profile_from_json(value, path.string());
}

}  // namespace corun::simgpu
