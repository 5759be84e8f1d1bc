#include "workloads/synthetic/pump.h"

#include <utility>

namespace corun::synthetic {

Pump::Pump(const GpuSession& gpu, uint32_t depth, std::function<void(uint64_t)> done)
    : gpu_(gpu), depth_(depth), done_(std::move(done)) {}

Status Pump::submit(const gpu::Stream& stream, uint64_t items,
                    const std::function<Status()>& enqueue) {
  if (in_flight_.size() >= depth_) CORUN_TRY(retire());
  CORUN_ASSIGN(gpu::Event end, unused_event());
  CORUN_TRY(enqueue());
  CORUN_TRY(end.record(stream.get()));
  in_flight_.push_back({std::move(end), items});
  return {};
}

Status Pump::drain() {
  while (!in_flight_.empty()) CORUN_TRY(retire());
  return {};
}

Status Pump::retire() {
  Piece piece = std::move(in_flight_.front());
  in_flight_.pop_front();
  CORUN_TRY(piece.end.synchronize());
  done_(piece.items);
  unused_.push_back(std::move(piece.end));
  return {};
}

Result<gpu::Event> Pump::unused_event() {
  if (unused_.empty()) return gpu_.new_event();
  gpu::Event event = std::move(unused_.back());
  unused_.pop_back();
  return event;
}

}  // namespace corun::synthetic
