// A driver for the state machine: streams are counters that a test drains by hand. One at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/shim/machine.h"

namespace corun::shim::testing {

struct Wait {
  StreamHandle stream;
  DevicePtr address;
};

/// A launch of the kernel that holds the GPU, with what it was given.
struct HoldLaunch {
  StreamHandle stream;
  uint32_t ticket;
  uint64_t limit_ns;
};

struct FakeGpu {
  FakeGpu();
  ~FakeGpu();
  FakeGpu(const FakeGpu&) = delete;
  FakeGpu& operator=(const FakeGpu&) = delete;

  Driver driver;
  uint64_t now = 1'000'000;
  ContextHandle context = reinterpret_cast<ContextHandle>(0x1000);
  Device device = 0;
  std::vector<Wait> waits;              ///< enqueued on the GPU, in order
  std::vector<unsigned> registrations;  ///< flags of each
  std::set<StreamHandle> busy;          ///< streams whose work has not finished
  std::set<StreamHandle> capturing;
  std::vector<uint64_t> kicks;
  Code wait_code = Code::kSuccess;
  Code register_code = Code::kSuccess;
  int batches = 0;
  int events_recorded = 0;
  float elapsed_ms = 0;
  bool events_done = false;
  std::vector<HoldLaunch> holds;
  std::vector<StreamHandle> writes;  ///< of values, by stream
  std::function<void()> during_launch;
  std::function<void()> during_query;
  Code module_code = Code::kSuccess;
  int modules_loaded = 0;
  const std::atomic<uint32_t>* hold_words = nullptr;
  uint32_t word_of_hold(int index) const { return hold_words[index].load(); }

  Outside outside(void (*join)(DeviceState&) = nullptr) const;
};

/// The one that is alive.
FakeGpu& fake();

/// Pages of a session as a daemon would make them, in the test's own memory.
struct SessionPages {
  SessionPages();
  alignas(4096) wire::SessionPage page;
  alignas(4096) wire::GatePage gate[wire::kMaxGates];
  Pages pages;
};

inline StreamHandle stream(uintptr_t number) { return reinterpret_cast<StreamHandle>(number * 16); }

}  // namespace corun::shim::testing
