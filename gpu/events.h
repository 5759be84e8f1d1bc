// XIDs and ECC errors of one GPU as the driver reports them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/model/gpu.h"
#include "gpu/nvml.h"

namespace corun::gpu {

struct GpuEvent {
  enum class Kind { kXid, kSingleBitEcc, kDoubleBitEcc };
  Instant at;  ///< when it was received
  Kind kind = Kind::kXid;
  uint64_t xid = 0;  ///< number, for kXid
};

/// Whether the XID tells of the device, rather than of a fault in an application's own code (13:
/// exception in a kernel, 31: its memory access, 43: a reset channel).
bool xid_concerns_device(uint64_t xid);
/// "XID 79", "uncorrectable ECC error".
std::string to_string(const GpuEvent& event);

/// Listens on its own thread, from start() until the object's end.
class EventWatch {
 public:
  /// Nothing where the driver or this GPU has no events, or this user may not see them.
  /// Errors (failed): NVML does not know the GPU, or refuses the registration.
  static Result<std::optional<EventWatch>> start(std::shared_ptr<const Nvml> nvml,
                                                 const GpuInfo& gpu);
  EventWatch(EventWatch&&) noexcept;
  EventWatch& operator=(EventWatch&&) noexcept;
  ~EventWatch();

  /// The events since the last call, oldest first. Never waits for NVML.
  std::vector<GpuEvent> take();

 private:
  struct State;
  explicit EventWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace corun::gpu
