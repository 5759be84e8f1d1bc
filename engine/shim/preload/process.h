// The one machine of this process, and when it exists.
#pragma once

#include "engine/shim/machine.h"
#include "engine/shim/preload/real.h"

namespace corun::shim {

// NOLINTNEXTLINE(bugprone-dynamic-static-initializers)
extern Machine machine;

/// Whether this process is under corun at all: CORUN_RUN_DIR is set and CORUN_DISABLE is not 1.
bool enabled();

/// Starts the machine once a driver is loaded. False: not under corun, or no driver.
bool ready();

/// Monotonic time, ns.
uint64_t now_ns();

/// The stream that a variant's argument means.
template <DefaultStream kDefault>
StreamHandle named(StreamHandle stream) {
  if (stream != nullptr || kDefault == DefaultStream::kLegacy) {
    return stream;
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return reinterpret_cast<StreamHandle>(cuda::kPerThreadStreamValue);
}

/// Whether a hook has anything to do: not where it was called from inside another one.
inline bool outermost() { return thread_state.depth == 0 && (machine.started() || ready()); }

/// Around a call of the driver that must not be going on while the process is parked.
class Look {
 public:
  Look() : device_(outermost() ? machine.current() : nullptr) { machine.begin_look(device_); }
  ~Look() { machine.end_look(device_); }
  Look(const Look&) = delete;
  Look& operator=(const Look&) = delete;

 private:
  DeviceState* device_;
};

/// Before a call that needs the GPU and that nothing else counts. The device that it concerns, or
/// null where corun has nothing to do with it.
DeviceState* before_other_call();

/// One operation around its call of the driver.
class Work {
 public:
  Work(Operation::Kind kind, StreamHandle stream, uint64_t key, uint64_t estimate_ns = 0,
       bool gated = true) {
    operation_.kind = kind;
    operation_.stream = stream;
    operation_.key = key;
    operation_.estimate_ns = estimate_ns;
    operation_.gated = gated;
    if (outermost()) {
      machine.before(operation_);
    }
  }
  Code done(Code code) {
    machine.after(operation_, code);
    return code;
  }

 private:
  Operation operation_;
};

}  // namespace corun::shim
