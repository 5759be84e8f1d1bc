#include "modes/applied.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/environment.h"
#include "core/files.h"
#include "core/log.h"
#include "engine/client/run_dir.h"

namespace corun::modes {

namespace fs = std::filesystem;

namespace {

constexpr int kSchema = 1;

Status make_private(const fs::path& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return failed("cannot make " + path.string() + ": " + std::strerror(errno));
  }
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid()) {
    return failed(path.string() + " is not a folder of this user",
                  "remove it, or set "
                  "XDG_RUNTIME_DIR");
  }
  return {};
}

Result<fs::path> applied_dir() {
  CORUN_ASSIGN(const fs::path base, runtime_dir());
  CORUN_TRY(make_private(base / "applied"));
  return base / "applied";
}

std::string next_number() {
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}-{}", getpid(), counter.fetch_add(1));
}

std::string text_at(const Json& object, const char* key) {
  return object.at(key).get<std::string>();
}

struct StateFile {
  ProcessIdentity owner;
  Plan plan;
};

Json to_json(const StateFile& state) {
  return {{"schema", kSchema},
          {"owner", {{"pid", state.owner.pid}, {"start_ticks", state.owner.start_ticks}}},
          {"plan", modes::to_json(state.plan)}};
}

Result<StateFile> read_state(const fs::path& file) {
  CORUN_ASSIGN(const Json value, read_json_file(file));
  StateFile state;
  try {
    if (value.at("schema").get<int>() != kSchema) {
      return failed(file.string() + " was written by another version of corun");
    }
    state.owner.pid = value.at("owner").at("pid").get<pid_t>();
    state.owner.start_ticks = value.at("owner").at("start_ticks").get<uint64_t>();
    CORUN_ASSIGN(state.plan, plan_from_json(value.at("plan")));
  } catch (const Json::exception& e) {
    return failed(file.string() + ": " + e.what());
  }
  return state;
}

/// Undoes the plan of one file if its owner is dead; a line for people, or nothing.
Result<std::optional<std::string>> undo_if_left(const fs::path& file) {
  auto state = read_state(file);
  if (!state) {
    if (!fs::exists(file)) return std::optional<std::string>();  // its owner was faster
    std::error_code ignored;
    fs::remove(file, ignored);
    return std::optional("removed an unreadable state file: " + state.error().what);
  }
  if (is_alive(state->owner)) return std::optional<std::string>();
  CORUN_ASSIGN(const auto mode, find_mode(state->plan.mode));
  CORUN_TRY(mode->undo(state->plan));
  std::error_code ignored;
  fs::remove(file, ignored);
  return std::optional(fmt::format("undid mode {} on GPU {}, which corun {} left behind",
                                   state->plan.mode, state->plan.gpu.index, state->owner.pid));
}

}  // namespace

fs::path runtime_place(const std::optional<std::string>& xdg, uid_t user) {
  if (xdg) return fs::path(*xdg) / "corun";
  if (user == 0) return fs::path(client::kSystemRunDir) / "private";
  return fmt::format("/tmp/corun-{}", user);
}

Status make_runtime_place(const fs::path& place) {
  std::error_code ignored;
  const fs::path parent = place.parent_path();
  // Also the system daemon's folder, which all users' workloads enter: not private.
  if (!fs::exists(parent, ignored)) CORUN_TRY(client::make_run_dir(parent));
  return make_private(place);
}

Result<fs::path> runtime_dir() {
  const fs::path place = runtime_place(environment("XDG_RUNTIME_DIR"), geteuid());
  CORUN_TRY(make_runtime_place(place));
  return place;
}

Result<fs::path> new_run_dir(std::string_view mode) {
  CORUN_ASSIGN(const fs::path base, runtime_dir());
  return base / fmt::format("{}-{}", mode, next_number());
}

Json to_json(const Plan& plan) {
  Json shares = Json::array();
  for (const Share& share : plan.shares) shares.push_back(share.workload);
  return {{"mode", plan.mode},
          {"gpu", {{"index", plan.gpu.index}, {"uuid", plan.gpu.uuid}}},
          {"workloads", shares},
          {"run_dir", plan.run_dir}};
}

Result<Plan> plan_from_json(const Json& value) {
  Plan plan;
  try {
    plan.mode = text_at(value, "mode");
    plan.gpu.index = value.at("gpu").at("index").get<int>();
    plan.gpu.uuid = text_at(value.at("gpu"), "uuid");
    plan.run_dir = text_at(value, "run_dir");
    for (const Json& workload : value.at("workloads")) {
      plan.shares.emplace_back().workload = workload.get<std::string>();
    }
  } catch (const Json::exception& e) {
    return usage_error(std::string("not a plan: ") + e.what());
  }
  return plan;
}

Result<AppliedPlan> AppliedPlan::apply(Mode& mode, Plan plan) {
  CORUN_ASSIGN(const fs::path dir, applied_dir());
  const auto self = identify(getpid());
  CORUN_CHECK(self.has_value(), "this process is not in /proc");
  AppliedPlan applied(mode, std::move(plan), dir / (next_number() + ".json"));
  CORUN_TRY(write_file_atomically(applied.file_,
                                  to_line(to_json(StateFile{*self, applied.plan_})) + "\n"));
  if (Status status = mode.apply(applied.plan_); !status) {
    if (Status undone = applied.undo(); !undone) log::warn("{}", undone.error().text());
    return status.error();
  }
  return applied;
}

AppliedPlan::AppliedPlan(AppliedPlan&& other) noexcept
    : mode_(std::exchange(other.mode_, nullptr)),
      plan_(std::move(other.plan_)),
      file_(std::move(other.file_)) {}

AppliedPlan& AppliedPlan::operator=(AppliedPlan&& other) noexcept {
  std::swap(mode_, other.mode_);
  std::swap(plan_, other.plan_);
  std::swap(file_, other.file_);
  return *this;
}

AppliedPlan::~AppliedPlan() {
  if (Status status = undo(); !status) log::error("{}", status.error().text());
}

Status AppliedPlan::undo() {
  if (mode_ == nullptr) return {};
  CORUN_TRY(mode_->undo(plan_));
  mode_ = nullptr;
  std::error_code ignored;
  fs::remove(file_, ignored);
  return {};
}

std::vector<Plan> plans_in_force() {
  std::vector<Plan> plans;
  const auto dir = applied_dir();
  if (!dir) return plans;
  std::error_code error;
  for (fs::directory_iterator it(*dir, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".json") continue;
    auto state = read_state(it->path());
    if (state && is_alive(state->owner)) plans.push_back(std::move(state->plan));
  }
  return plans;
}

Result<std::vector<std::string>> undo_leftovers() {
  CORUN_ASSIGN(const fs::path dir, applied_dir());
  std::vector<std::string> lines;
  std::optional<Error> first;
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".json") continue;
    auto line = undo_if_left(it->path());
    if (!line && !first) first = line.error();
    if (line && *line) lines.push_back(std::move(**line));
  }
  if (first) return *first;
  return lines;
}

}  // namespace corun::modes
