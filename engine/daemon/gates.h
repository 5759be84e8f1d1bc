// The gates of one GPU: pages that latency-critical sessions close around their bursts and that
// best-effort sessions wait for on the GPU (docs/adr/0005-gate-protocol.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/wire/session_page.h"
#include "engine/daemon/shared_page.h"

namespace corun::daemon {

/// The pages themselves; made before the watchdog is forked, which opens them when the daemon
/// cannot.
class GatePages {
 public:
  static Result<GatePages> create();

  wire::GatePage& page(size_t gate) { return *gates_[gate]; }
  const SharedPage& memory(size_t gate) const { return memory_[gate]; }
  /// Every gate, as a plain array that a forked process can use.
  const std::array<wire::GatePage*, wire::kMaxGates>& all() const { return gates_; }

 private:
  GatePages() = default;

  std::vector<SharedPage> memory_;
  std::array<wire::GatePage*, wire::kMaxGates> gates_{};
};

/// Opens a gate and lets those run who wait for it.
void open_gate(wire::GatePage& gate);

/// Who holds which gate, and for how long it has been closed.
class Gates {
 public:
  explicit Gates(GatePages& pages) : pages_(&pages) {}

  /// Gives the gate to `session` (0: to nobody); the gate is open then.
  void assign(size_t gate, uint64_t session);
  uint64_t holder(size_t gate) const { return states_[gate].holder; }

  /// Looks at all gates at `now` and opens those that have been closed for longer than `max_burst`
  /// or have no holder; returns what was opened.
  struct Opened {
    size_t gate = 0;
    uint64_t holder = 0;
    Nanos closed{};      ///< since the burst closed it first
    Nanos fresh{};       ///< of that, since it was opened last
    bool again = false;  ///< it was opened before in this burst, which closed it again
  };
  std::vector<Opened> supervise(Instant now, Nanos max_burst);
  /// When the first gate that is closed now will have been so for `max_burst`, or nothing.
  std::optional<Instant> next_due(Nanos max_burst) const;
  /// Opens this gate by force, and counts it.
  void force_open(size_t gate);

  /// Since when the gate has been closed, as of the last supervise(); nothing: it was open.
  std::optional<Instant> closed_since(size_t gate) const { return states_[gate].closed_since; }
  uint64_t opened_by_daemon(size_t gate) const { return states_[gate].forced; }
  void open_all();

 private:
  struct State {
    uint64_t holder = 0;
    std::optional<Instant> closed_since;
    uint32_t burst = 0;
    uint64_t forced = 0;
    std::optional<Instant> opened;  ///< by the daemon
    Instant opened_of{};            ///< closed_since of what was opened
  };

  GatePages* pages_;
  std::array<State, wire::kMaxGates> states_{};
};

}  // namespace corun::daemon
