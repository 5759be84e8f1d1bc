// What the holder of a gate writes into its page: the gate of nobody is open, and one that is held
// in the same burst for longer than max_burst is opened, whatever the page says of the time.
#include <array>
#include <cstring>

#include "engine/daemon/gates.h"
#include "tests/fuzz/fuzz.h"

namespace corun::fuzz {
namespace {

constexpr Nanos kMaxBurst = std::chrono::milliseconds(100);

/// One look of the daemon, after the holder has written these.
struct Look {
  uint32_t word;
  uint32_t burst;
  uint64_t closed_since_ns;
  uint8_t gate;
  uint8_t after_ms;
  uint8_t holder;
  uint8_t unused;
};

}  // namespace
}  // namespace corun::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun;
  static daemon::GatePages pages = daemon::GatePages::create().value();
  daemon::Gates gates(pages);
  std::array<Instant, wire::kMaxGates> same_burst_since{};
  std::array<uint32_t, wire::kMaxGates> bursts{};
  Instant now{1'000'000'000};
  for (size_t gate = 0; gate < wire::kMaxGates; ++gate) gates.assign(gate, gate + 1);
  for (; size >= sizeof(fuzz::Look); data += sizeof(fuzz::Look), size -= sizeof(fuzz::Look)) {
    fuzz::Look look{};
    std::memcpy(&look, data, sizeof look);
    const size_t gate = look.gate % wire::kMaxGates;
    wire::GatePage& page = pages.page(gate);
    if (look.holder == 0) gates.assign(gate, 0);
    if (look.holder == 1) gates.assign(gate, gate + 1);
    if (page.word.load() == wire::kOpen || bursts[gate] != look.burst) same_burst_since[gate] = now;
    bursts[gate] = look.burst;
    page.word = look.word;
    page.burst = look.burst;
    page.closed_since_ns = look.closed_since_ns;
    page.holder = look.closed_since_ns;
    gates.supervise(now, fuzz::kMaxBurst);
    const bool open = page.word.load() == wire::kOpen;
    CORUN_CHECK(open || gates.holder(gate) != 0, "a gate of nobody is closed");
    CORUN_CHECK(open || now - same_burst_since[gate] <= fuzz::kMaxBurst, "held for too long");
    if (const auto since = gates.closed_since(gate)) {
      CORUN_CHECK(*since <= now, "closed in the future");
    }
    now = now + std::chrono::milliseconds(look.after_ms);
  }
  gates.open_all();
  return 0;
}
