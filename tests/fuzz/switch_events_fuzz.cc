// Records of context switches as the driver's event buffer holds them, in readings of any cut.
#include <cstring>
#include <optional>

#include "gpu/timeline.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace corun;

/// Each piece begins where the one before it ended.
void check(const std::vector<gpu::Piece>& pieces, std::optional<int64_t>& end) {
  for (const gpu::Piece& piece : pieces) {
    CORUN_CHECK(piece.begin_ns < piece.end_ns, "a piece has a length");
    CORUN_CHECK(!end || piece.begin_ns == *end, "pieces have no gap and do not overlap");
    CORUN_CHECK(piece.kind == gpu::Piece::Kind::kRun || (piece.pid == 0 && !piece.ends),
                "only runs have a process");
    end = piece.end_ns;
  }
}

}  // namespace

/// The first byte of each reading: how many records it has (low bits), what else it tells.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gpu::Timeline timeline;
  std::optional<int64_t> end;
  Instant now{1'000'000'000};
  while (size > 0) {
    const uint8_t head = *data++;
    --size;
    gpu::SwitchBatch batch;
    batch.lost = (head & 0x40) != 0 ? 1 : 0;
    for (size_t n = head & 0x1f; n > 0 && size >= sizeof(rm::SwitchEvent); --n) {
      rm::SwitchEvent event;
      std::memcpy(&event, data, sizeof event);
      data += sizeof event;
      size -= sizeof event;
      batch.records.push_back(event);
    }
    now = now + std::chrono::milliseconds(head);
    batch.read_at = now;
    const uint64_t misfits = timeline.misfits();
    const std::vector<gpu::Piece> pieces = timeline.take(batch);
    CORUN_CHECK(pieces.size() <= 2 * batch.records.size() + 1, "pieces are bounded by records");
    if (timeline.misfits() != misfits) end.reset();  // the clock may have jumped
    check(pieces, end);
    if ((head & 0x80) != 0) check(timeline.process_gone(1, now), end);
  }
  return 0;
}
