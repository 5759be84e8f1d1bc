// Parking: while the process is not on the GPU no call reaches the driver. Protocol and states:
// docs/adr/0007-parking-protocol.md.
#include "engine/shim/machine.h"

namespace corun::shim {

namespace {

/// Ordered with `looking_`: whoever raised it and does not see the bit is seen by the thread that
/// sees the bit.
bool parked_now(const DeviceState& device) {
  return (device.pages.load(std::memory_order_seq_cst)
              ->session->hot.armed.load(std::memory_order_seq_cst) &
          wire::kArmedParked) != 0;
}

}  // namespace

bool Machine::any_parked() const {
  for (int i = 0; i < device_count(); ++i) {
    if (parked(*devices_[i].load(std::memory_order_acquire))) {
      return true;
    }
  }
  return false;
}

void Machine::ask_back(DeviceState& device) {
  device.pages.load(std::memory_order_acquire)
      ->session->waits.held_calls.fetch_add(1, std::memory_order_seq_cst);
  if (outside_.kick != nullptr) {
    outside_.kick(0);
  }
}

void Machine::hold(DeviceState& device) {
  ask_back(device);
  if (outside_.hold != nullptr) {
    outside_.hold(device);
  }
}

bool Machine::try_look(DeviceState& device) {
  looking_.fetch_add(1, std::memory_order_seq_cst);
  if (!parked_now(device)) {
    return true;
  }
  end_look(&device);
  return false;
}

void Machine::begin_look(DeviceState* device) {
  while (device != nullptr && !try_look(*device)) {
    hold(*device);
  }
}

void Machine::end_look(DeviceState* device) {
  if (device == nullptr) {
    return;
  }
  const bool last = looking_.fetch_sub(1, std::memory_order_seq_cst) == 1;
  if (last && parked_now(*device) && outside_.kick != nullptr) {
    outside_.kick(0);  // the thread waits for this
  }
}

}  // namespace corun::shim
