// Sharing under a test's clock, with a decider that says what the test wants.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/daemon/sharing.h"

namespace corun::daemon::testing {

/// Takes events into the state as the policy does, and answers with what is in `next`.
struct Script {
  std::vector<policy::Action> next;
  std::vector<policy::Event> seen;
  std::optional<Instant> turn;
  std::map<std::string, uint64_t> parked_bytes;  ///< of workloads, as the policy counts them

  std::vector<policy::Action> decide(policy::State& state, const policy::Event& event) {
    seen.push_back(event);
    for (const auto& [key, bytes] : parked_bytes) state.residency[key].parked_bytes = bytes;
    if (const auto* joined = std::get_if<policy::Joined>(&event)) {
      state.workloads[policy::workload_key(joined->workload)] = joined->workload;
    }
    if (const auto* changed = std::get_if<policy::Changed>(&event)) {
      state.workloads[policy::workload_key(changed->workload)] = changed->workload;
    }
    if (const auto* settings = std::get_if<policy::SettingsChanged>(&event)) {
      state.settings = settings->settings;
    }
    return std::exchange(next, {});
  }
  template <typename T>
  std::vector<T> events() const {
    std::vector<T> found;
    for (const auto& event : seen) {
      if (const auto* one = std::get_if<T>(&event)) found.push_back(*one);
    }
    return found;
  }
};

inline constexpr uid_t kUser = 1000;

class SharingTest : public ::testing::Test {
 protected:
  SharingTest() { restart({}); }

  void restart(Persistent persistent) {
    SharingOptions options;
    options.gpu = {
        .uuid = "GPU-0", .index = 0, .name = "Test GPU", .driver = "580.1", .memory_bytes = 1000};
    if (persistent.settings.quantum == Nanos(0)) persistent.settings = policy::default_settings();
    options.persistent = std::move(persistent);
    options.slices_why = "not measured here";
    options.switches = switches;
    options.switches_why = "not here";
    options.switches_name_all = switches_name_all;
    options.decider = {[this](policy::State& state, const policy::Event& event, Instant) {
                         return script.decide(state, event);
                       },
                       [this](const policy::State&) { return script.turn; }};
    sharing = std::make_unique<Sharing>(std::move(options), gates, now);
  }
  static JoinAsk ask(const std::string& name, bool read_only = true) {
    JoinAsk ask;
    ask.program = "python3";
    ask.read_only_gates = read_only;
    ask.workload.name = name;
    return ask;
  }
  /// Joins and maps the page as the workload sees it.
  policy::SessionId join(const std::string& name, std::vector<policy::Action> actions = {},
                         bool read_only = true, int pid = 77) {
    script.next = std::move(actions);
    auto welcome = sharing->join({kUser, pid}, ask(name, read_only), true, now);
    EXPECT_TRUE(welcome);
    descriptors = std::move(welcome->descriptors);
    void* memory = mmap(nullptr, wire::kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                        descriptors[0].get(), 0);
    EXPECT_NE(memory, MAP_FAILED);
    page = static_cast<wire::SessionPage*>(memory);
    return welcome->session;
  }
  /// Lets the decider give these actions at the next tick.
  void decide(std::vector<policy::Action> actions) {
    script.next = std::move(actions);
    advance(kTick);
  }
  void advance(Nanos by) {
    now = now + by;
    sharing->advance(now);
  }
  void close_gate(size_t gate) {
    gates.page(gate).closed_since_ns = static_cast<uint64_t>(now.ns);
    gates.page(gate).burst.fetch_add(1);
    gates.page(gate).word = wire::kClosed;
  }
  bool is_open(size_t gate) { return gates.page(gate).word.load() == wire::kOpen; }

  Instant now{5'000'000'000};
  Script script;
  bool switches = false;  ///< after the next restart(): context switches are read
  bool switches_name_all = true;
  GatePages gates = GatePages::create().value();
  std::unique_ptr<Sharing> sharing;
  std::vector<Fd> descriptors;  ///< of the last join
  wire::SessionPage* page = nullptr;
};

}  // namespace corun::daemon::testing
