// What a workload writes into its session's page, of whatever content, one page after another: the
// figures that the daemon takes from it may only grow, and stay within what can be.
#include <algorithm>
#include <cstring>
#include <memory>

#include "engine/daemon/readings.h"
#include "tests/fuzz/fuzz.h"

namespace corun::fuzz {
namespace {

using daemon::CounterReader;
using daemon::Totals;

constexpr uint64_t kMemoryBytes = uint64_t{80} << 30;
constexpr Instant kJoined{5'000'000'000};
constexpr Nanos kTick = std::chrono::milliseconds(100);

void check_grown(const Totals& before, const Totals& after) {
  CORUN_CHECK(after.launches >= before.launches && after.graph_launches >= before.graph_launches &&
                  after.copies >= before.copies && after.bursts >= before.bursts &&
                  after.gate_waits >= before.gate_waits && after.refusals >= before.refusals &&
                  after.gpu_time >= before.gpu_time,
              "a count fell");
}

void check_bounds(const CounterReader& reader, const policy::SessionReading& reading, Instant now) {
  CORUN_CHECK(reader.totals().gpu_time <= now - kJoined, "more GPU time than there was");
  CORUN_CHECK(reader.memory_bytes() <= kMemoryBytes, "more memory than the GPU has");
  CORUN_CHECK(reader.memory_peak_bytes() <= kMemoryBytes, "a higher peak than the GPU has");
  CORUN_CHECK(reader.memory_peak_bytes() >= reader.memory_bytes(), "a peak below the present");
  CORUN_CHECK(reader.heartbeat() <= now, "a heartbeat from the future");
  CORUN_CHECK(reader.recent_bursts_us().size() <= wire::kBurstRing, "too many bursts kept");
  CORUN_CHECK(reading.new_bursts.size() <= wire::kBurstRing, "too many bursts told");
  CORUN_CHECK(std::all_of(reading.new_bursts.begin(), reading.new_bursts.end(),
                          [](Nanos burst) {
                            return burst >= Nanos(0) && burst <= std::chrono::minutes(1);
                          }),
              "a burst of more than a minute");
  CORUN_CHECK(reading.channel_groups <= 4096 && reading.contexts <= 256, "too many objects");
}

}  // namespace
}  // namespace corun::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun;
  const auto page = std::make_unique<wire::SessionPage>();
  fuzz::CounterReader reader(fuzz::kJoined, fuzz::kMemoryBytes);
  Instant now = fuzz::kJoined;
  // The page's last part is that of the workload; an input may fill it several times.
  constexpr size_t kPart = sizeof(wire::SessionPage) - offsetof(wire::SessionPage, counters);
  for (size_t at = 0; at < size; at += kPart) {
    std::memcpy(reinterpret_cast<char*>(page.get()) + offsetof(wire::SessionPage, counters),
                data + at, std::min(kPart, size - at));
    now = now + fuzz::kTick;
    const daemon::Totals before = reader.totals();
    reader.read(page->counters, page->burst_us, now);
    fuzz::check_grown(before, reader.totals());
    fuzz::check_bounds(reader, reader.take(), now);
  }
  return 0;
}
