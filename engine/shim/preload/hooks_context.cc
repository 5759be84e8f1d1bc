// Contexts come and go; cuGetProcAddress hands out functions.
#include <dlfcn.h>

#include <cstring>

#include "engine/shim/log.h"
#include "engine/shim/preload/hook_choice.h"
#include "engine/shim/preload/process.h"

namespace corun::shim {

namespace {

/// A context of `device` is being made by this thread: channel groups that come meanwhile are its.
class Making {
 public:
  explicit Making(Device device) : counts_(outermost()) {
    if (counts_) {
      machine.before_call(machine.of_device(device));
    }
    thread_state.making_device = device;
  }
  Code done(Code code, Device device, const ContextHandle* context) const {
    thread_state.making_device = -1;
    if (counts_ && code == Code::kSuccess && context != nullptr) {
      const Inside inside;
      machine.on_context(device, *context);
    }
    return code;
  }

 private:
  bool counts_;
};

template <Slot kSlot, DefaultStream>
Code ctx_create(ContextHandle* context, unsigned flags, Device device) {
  const Making making(device);
  return making.done(next<kSlot>(context, flags, device), device, context);
}

template <Slot kSlot, DefaultStream>
Code ctx_create_v3(ContextHandle* context, void* affinity, int count, unsigned flags,
                   Device device) {
  const Making making(device);
  return making.done(next<kSlot>(context, affinity, count, flags, device), device, context);
}

template <Slot kSlot, DefaultStream>
Code ctx_create_v4(ContextHandle* context, void* parameters, unsigned flags, Device device) {
  const Making making(device);
  return making.done(next<kSlot>(context, parameters, flags, device), device, context);
}

template <Slot kSlot, DefaultStream>
Code primary_retain(ContextHandle* context, Device device) {
  const Making making(device);
  const Code code = making.done(next<kSlot>(context, device), device, context);
  if (code == Code::kSuccess && context != nullptr && outermost()) {
    if (DeviceState* state = machine.of_device(device)) {
      state->primary.store(*context, std::memory_order_release);
    }
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code ctx_destroy(ContextHandle context) {
  if (outermost()) {
    before_other_call();
    const Inside inside;
    machine.on_context_gone(context);
  }
  return next<kSlot>(context);
}

/// Release and reset of a primary context, after which it may or may not be there.
template <Slot kSlot, DefaultStream>
Code primary_drop(Device device) {
  DeviceState* state = outermost() ? machine.of_device(device) : nullptr;
  if (state == nullptr) {
    return next<kSlot>(device);
  }
  machine.before_call(state);
  const Unwatched unwatched(machine, *state);
  const Code code = next<kSlot>(device);
  const Inside inside;
  unsigned flags = 0;
  int active = 1;
  const auto asked = machine.driver().primary_state;
  if (asked != nullptr && asked(device, &flags, &active) == Code::kSuccess && active == 0) {
    machine.on_context_gone(state->primary.exchange(nullptr), true);
  }
  return code;
}

/// Replaces what the driver answered by the hook that stands for it.
void replace(const char* name, void** function, int version, uint64_t flags) {
  if (name == nullptr || function == nullptr || *function == nullptr || !enabled() ||
      thread_state.depth > 0) {
    return;
  }
  const int slot =
      is_own(*function) ? -1 : slot_of_address(name, *function, version, flags, exported_at);
  if (slot >= 0) {
    note_next(slot, *function);
    *function = *hooks[slot].entry;
  }
  log_debug("cuGetProcAddress %s %d %llu: %s", name, version,
            static_cast<unsigned long long>(flags), slot < 0 ? "-" : hooks[slot].symbol);
}

template <Slot kSlot, DefaultStream>
Code get_proc_address(const char* name, void** function, int version, uint64_t flags) {
  const Code code = next<kSlot>(name, function, version, flags);
  if (code == Code::kSuccess) {
    replace(name, function, version, flags);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code get_proc_address_v2(const char* name, void** function, int version, uint64_t flags,
                         int* status) {
  const Code code = next<kSlot>(name, function, version, flags, status);
  if (code == Code::kSuccess) {
    replace(name, function, version, flags);
  }
  return code;
}

}  // namespace

#define CORUN_DEFINE(symbol, handler, stream, since) \
  CORUN_DEFINE_HOOK(symbol, (&handler<Slot::symbol, DefaultStream::stream>))
CORUN_CONTEXT_HOOKS(CORUN_DEFINE)
#undef CORUN_DEFINE

}  // namespace corun::shim
