// Memory: what the hooks of allocators do.
#include <algorithm>

#include "engine/shim/log.h"
#include "engine/shim/machine.h"
#include "engine/shim/thread_state.h"

namespace corun::shim {

namespace {

bool fits(uint64_t used, uint64_t bytes, uint64_t limit) {
  return used <= limit && bytes <= limit - used;
}

}  // namespace

void Machine::publish(DeviceState& device) {
  wire::Counters& counters = device.pages.load(std::memory_order_acquire)->session->counters;
  const uint64_t used = book_.used(device.ordinal);
  counters.memory_bytes.store(used, std::memory_order_relaxed);
  uint64_t peak = counters.memory_peak_bytes.load(std::memory_order_relaxed);
  while (peak < used &&
         !counters.memory_peak_bytes.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

Reserved Machine::reserve(Reservation& reservation, DeviceState* device, uint64_t bytes) {
  if (device == nullptr) {
    return Reserved::kYes;
  }
  let_go();  // allocating may wait for the device
  const uint64_t granted = limit(*device);
  const uint64_t free = room(*device);
  const bool room_binds = free != 0 && (granted == 0 || free < granted);
  if (room_binds && !book_.reserve(device->ordinal, bytes, free)) {
    if (granted == 0 || fits(book_.used(device->ordinal), bytes, granted)) {
      return Reserved::kNoRoom;
    }
  } else if (room_binds || book_.reserve(device->ordinal, bytes, granted)) {
    reservation = {.device = device, .bytes = bytes};
    return Reserved::kYes;
  }
  device->pages.load(std::memory_order_acquire)
      ->session->counters.refusals.fetch_add(1, std::memory_order_relaxed);
  log_debug("refused %llu bytes: %llu of %llu in use", static_cast<unsigned long long>(bytes),
            static_cast<unsigned long long>(book_.used(device->ordinal)),
            static_cast<unsigned long long>(granted));
  return Reserved::kOverLimit;
}

bool Machine::await_memory(DeviceState* device, uint64_t bytes) {
  return device != nullptr && thread_state.capturing == 0 && outside_.await_memory != nullptr &&
         outside_.await_memory(*device, bytes);
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
    if (reserve(reservation, device, round_up(bytes, kPhysicalGranule)) != Reserved::kYes) {
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
