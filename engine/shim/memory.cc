// Memory: what the hooks of allocators do.
#include <algorithm>

#include "engine/shim/log.h"
#include "engine/shim/machine.h"

namespace corun::shim {

void Machine::publish(DeviceState& device) {
  wire::Counters& counters = device.pages.load(std::memory_order_acquire)->session->counters;
  const uint64_t used = book_.used(device.ordinal);
  counters.memory_bytes.store(used, std::memory_order_relaxed);
  uint64_t peak = counters.memory_peak_bytes.load(std::memory_order_relaxed);
  while (peak < used &&
         !counters.memory_peak_bytes.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

bool Machine::reserve(Reservation& reservation, DeviceState* device, uint64_t bytes) {
  if (device == nullptr) {
    return true;
  }
  let_go();  // allocating may wait for the device
  if (!book_.reserve(device->ordinal, bytes, limit(*device))) {
    device->pages.load(std::memory_order_acquire)
        ->session->counters.refusals.fetch_add(1, std::memory_order_relaxed);
    log_debug("refused %llu bytes: %llu of %llu in use", static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(book_.used(device->ordinal)),
              static_cast<unsigned long long>(limit(*device)));
    return false;
  }
  reservation = {.device = device, .bytes = bytes};
  return true;
}

void Machine::commit(const Reservation& reservation, MemoryKind kind, uint64_t key,
                     ContextHandle context) {
  if (reservation.device == nullptr) {
    return;
  }
  book_.commit({.kind = kind,
                .device = reservation.device->ordinal,
                .key = key,
                .bytes = reservation.bytes,
                .context = context});
  publish(*reservation.device);
}

void Machine::cancel(const Reservation& reservation) {
  if (reservation.device != nullptr) {
    book_.cancel(reservation.device->ordinal, reservation.bytes);
  }
}

bool Machine::before_free(MemoryKind kind, uint64_t key, Holding* holding) {
  if (!started()) {
    return false;
  }
  let_go();  // so may freeing
  return book_.take(kind, key, holding);
}

void Machine::after_free(const Holding& holding, Code code) {
  if (code != Code::kSuccess) {
    book_.put_back(holding);
    return;
  }
  book_.released(holding);
  if (DeviceState* device = of_device(holding.device)) {
    publish(*device);
  }
}

void Machine::on_reference_gone(MemoryKind kind, uint64_t key) {
  Holding holding;
  if (!started() || !book_.find(kind, key, &holding)) {
    return;
  }
  book_.drop_reference(kind, key);
  if (DeviceState* device = of_device(holding.device)) {
    publish(*device);
  }
}

bool Machine::on_map(DevicePtr address, uint64_t bytes, AllocationHandle handle) {
  Holding physical;
  if (!started() || !book_.find(MemoryKind::kPhysical, handle, &physical)) {
    return true;
  }
  DeviceState* device = of_device(physical.device);
  if (physical.bytes == 0 && device != nullptr) {  // an import: its size is known only now
    Reservation reservation;
    if (!reserve(reservation, device, round_up(bytes, kPhysicalGranule))) {
      return false;
    }
    book_.grow(MemoryKind::kPhysical, handle, reservation.bytes);
    publish(*device);
  }
  book_.add_reference(MemoryKind::kPhysical, handle);
  book_.put_back({.kind = MemoryKind::kMapping,
                  .device = physical.device,
                  .key = address,
                  .bytes = bytes,
                  .target = handle});
  return true;
}

void Machine::on_unmap(DevicePtr address, uint64_t bytes) {
  uint64_t at = address;
  while (at - address < bytes) {
    Holding mapping;
    if (!book_.take(MemoryKind::kMapping, at, &mapping) || mapping.bytes == 0) {
      return;
    }
    at += mapping.bytes;
    on_reference_gone(MemoryKind::kPhysical, mapping.target);
  }
}

}  // namespace corun::shim
