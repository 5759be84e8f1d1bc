#include "engine/shim/machine.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "engine/shim/log.h"
#include "engine/shim/thread_state.h"

namespace corun::shim {

thread_local constinit ThreadState thread_state;

namespace {

/// The device's UUID as NVML and `nvidia-smi -L` write it.
bool read_uuid(const Driver& driver, Device device, char (&text)[48]) {
  cuda::Uuid uuid{};
  const bool known =
      (driver.device_uuid_v2 != nullptr &&
       driver.device_uuid_v2(&uuid, device) == Code::kSuccess) ||
      (driver.device_uuid != nullptr && driver.device_uuid(&uuid, device) == Code::kSuccess);
  if (!known) {
    return false;
  }
  const unsigned char* b = uuid.bytes;
  snprintf(text, sizeof text,
           "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
           b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
           b[15]);
  return true;
}

void make_neutral(DeviceState& device) {
  device.neutral_page.magic = wire::kSessionMagic;
  device.neutral_page.version = wire::kWireVersion;
  device.neutral_page.hot.gate.store(-1, std::memory_order_relaxed);
  device.neutral.session = &device.neutral_page;
  device.neutral.registration.store(Pages::kImpossible, std::memory_order_relaxed);
  device.pages.store(&device.neutral, std::memory_order_release);
}

}  // namespace

void Machine::start(const Driver& driver, const Outside& outside, bool latency_critical) {
  const Held held(lock_);
  if (started()) {
    return;
  }
  driver_ = &driver;
  outside_ = outside;
  latency_critical_ = latency_critical;
  started_.store(true, std::memory_order_release);
}

ContextHandle Machine::current_context() const {
  ContextHandle context = nullptr;
  if (driver_->ctx_get_current == nullptr || driver_->ctx_get_current(&context) != Code::kSuccess) {
    return nullptr;
  }
  return context;
}

DeviceState* Machine::current_slow() {
  if (!started()) {
    return nullptr;
  }
  const ContextHandle context = current_context();
  if (context == nullptr) {
    return nullptr;
  }
  for (KnownContext& known : contexts_) {
    if (known.context.load(std::memory_order_acquire) == context) {
      return known.device.load(std::memory_order_relaxed);
    }
  }
  Device device = -1;
  if (driver_->ctx_get_device == nullptr || driver_->ctx_get_device(&device) != Code::kSuccess) {
    return nullptr;
  }
  return on_context(device, context);
}

DeviceState* Machine::on_context(Device device, ContextHandle context) {
  if (!started() || device < 0 || device >= kMaxDevices) {
    return nullptr;
  }
  DeviceState* state = devices_[device].load(std::memory_order_acquire);
  if (state == nullptr) {
    const Held held(lock_);
    state = devices_[device].load(std::memory_order_acquire);
    if (state == nullptr) {
      state = make_device(device);
    }
  }
  if (state != nullptr) {
    remember_context(context, state);
  }
  return state;
}

DeviceState* Machine::make_device(Device device) {
  // Zero bytes are a valid start of every member; the page is large, so not on a stack.
  void* memory = nullptr;
  if (posix_memalign(&memory, wire::kPageBytes, sizeof(DeviceState)) != 0) {
    return nullptr;
  }
  auto* state = new (memory) DeviceState;
  memset(static_cast<void*>(&state->neutral_page), 0, sizeof state->neutral_page);
  state->ordinal = device;
  make_neutral(*state);
  if (!read_uuid(*driver_, device, state->uuid)) {
    log_debug("device %d has no UUID: not managed", device);
  } else if (outside_.join != nullptr) {
    outside_.join(*state);
  }
  devices_[device].store(state, std::memory_order_release);
  const int count = device_count_.fetch_add(1, std::memory_order_acq_rel) + 1;
  // With one device nobody has to be asked which is meant.
  sole_.store(count == 1 ? state : nullptr, std::memory_order_release);
  if (outside_.kick != nullptr) {
    outside_.kick(0);
  }
  return state;
}

void Machine::remember_context(ContextHandle context, DeviceState* device) {
  if (context == nullptr) {
    return;
  }
  const Held held(lock_);
  KnownContext* place = nullptr;
  for (KnownContext& known : contexts_) {
    const ContextHandle found = known.context.load(std::memory_order_relaxed);
    if (found == context) {
      return;
    }
    if (found == nullptr && place == nullptr) {
      place = &known;
    }
  }
  if (place == nullptr) {
    return;  // more contexts than are followed: the driver is asked each time
  }
  place->device.store(device, std::memory_order_relaxed);
  place->context.store(context, std::memory_order_release);
  const uint32_t contexts = device->contexts.fetch_add(1, std::memory_order_relaxed) + 1;
  device->pages.load(std::memory_order_acquire)
      ->session->counters.contexts.store(contexts, std::memory_order_relaxed);
}

void Machine::on_context_gone(ContextHandle context, bool watched) {
  if (!started() || context == nullptr) {
    return;
  }
  book_.forget_context(context);
  samples_.forget_context(context);
  graphs_.forget_context(context);
  DeviceState* device = nullptr;
  {
    const Held held(lock_);
    for (KnownContext& known : contexts_) {
      if (known.context.load(std::memory_order_relaxed) == context) {
        device = known.device.load(std::memory_order_relaxed);
        known.context.store(nullptr, std::memory_order_release);
      }
    }
  }
  if (device == nullptr) {
    return;
  }
  Pages* pages = device->pages.load(std::memory_order_acquire);
  const uint32_t contexts = device->contexts.fetch_sub(1, std::memory_order_relaxed) - 1;
  pages->session->counters.contexts.store(contexts, std::memory_order_relaxed);
  if (pages->registered_in == context) {
    // The registration went with its context: the next wait registers anew.
    pages->session->counters.gate_registered.store(0, std::memory_order_relaxed);
    pages->registration.store(Pages::kNone, std::memory_order_release);
  }
  const auto forget = [&] {
    device->burst.hold().forget_context(context);
    device->streams.for_each([&](StreamState& state) {
      if (state.context.load(std::memory_order_relaxed) == context) {
        device->streams.forget(state);
      }
    });
  };
  if (watched) {
    forget();
  } else {
    const Unwatched unwatched(*this, *device);
    forget();
  }
  end_burst_if_drained(*device, true);
  publish(*device);
}

DeviceState* Machine::of_device(Device device) {
  return device >= 0 && device < kMaxDevices ? devices_[device].load(std::memory_order_acquire)
                                             : nullptr;
}

DeviceState* Machine::of_uuid(const char* uuid) {
  for (auto& slot : devices_) {
    DeviceState* device = slot.load(std::memory_order_acquire);
    if (device != nullptr && strcmp(device->uuid, uuid) == 0) {
      return device;
    }
  }
  return nullptr;
}

void Machine::show(DeviceState& device, Pages* pages) {
  if (pages == nullptr || retired()) {
    // What was granted stays the limit: memory that is there does not go away with a daemon.
    device.neutral_page.orders.memory_limit_bytes.store(limit(device), std::memory_order_relaxed);
    pages = &device.neutral;
  }
  device.pages.store(pages, std::memory_order_release);
  pages->session->counters.contexts.store(device.contexts.load(std::memory_order_relaxed),
                                          std::memory_order_relaxed);
  publish(device);
}

void Machine::retire() {
  retired_.store(true, std::memory_order_seq_cst);
  for (auto& slot : devices_) {
    DeviceState* device = slot.load(std::memory_order_acquire);
    if (device == nullptr) {
      continue;
    }
    Pages* pages = device->pages.load(std::memory_order_acquire);
    show(*device, nullptr);
    device->burst.retire(kExitPatienceNs);
    if (pages != &device->neutral) {
      pages->session->turn.word.store(wire::kOpen, std::memory_order_seq_cst);
    }
  }
  for (auto& slot : devices_) {
    DeviceState* device = slot.load(std::memory_order_acquire);
    // A look that is going on ends before the driver goes away under it; none comes after it.
    if (device != nullptr && device->watch_lock.acquire_within(kExitPatienceNs)) {
      device->watch_lock.release();
    }
  }
}

void Machine::free_devices() {
  sole_.store(nullptr, std::memory_order_relaxed);
  for (auto& device : devices_) {
    DeviceState* made = device.exchange(nullptr);
    if (made != nullptr) made->burst.hold().free_page();
    free(made);
  }
  book_.reset();
  graphs_.reset();
}

void Machine::reset() {
  // The parent's state objects stay allocated: they may be the target of a copied pointer.
  sole_.store(nullptr, std::memory_order_relaxed);
  for (auto& device : devices_) {
    device.store(nullptr, std::memory_order_relaxed);
  }
  device_count_.store(0, std::memory_order_relaxed);
  for (KnownContext& known : contexts_) {
    known.context.store(nullptr, std::memory_order_relaxed);
  }
  lock_.reset();
  marks_.reset();
  book_.reset();
  groups_.reset();
  samples_.reset();
  graphs_.reset();
  captures_.store(0, std::memory_order_relaxed);
  looking_.store(0, std::memory_order_relaxed);
  traits_.store(0, std::memory_order_relaxed);
  hint_depth_.store(0, std::memory_order_relaxed);
  hints_.store(false, std::memory_order_relaxed);
  thread_state = {};
}

}  // namespace corun::shim
