// Allocators and memory information.
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>

#include "core/abi/nvml.h"
#include "core/wire/join.h"
#include "engine/shim/environment.h"
#include "engine/shim/preload/process.h"
#include "engine/shim/preload/waiting.h"

namespace corun::shim {

namespace {

/// One request for memory around its call of the driver.
class Request {
 public:
  /// `device` is null where nothing is counted.
  Request(DeviceState* device, uint64_t bytes, uint64_t granule)
      : reserved_(machine.reserve(reservation_, device, round_up(bytes, granule))) {}
  Reserved reserved() const { return reserved_; }
  bool refused() const { return reserved_ != Reserved::kYes; }

  template <class Key>
  Code done(Code code, MemoryKind kind, const Key* key, ContextHandle context) {
    if (code != Code::kSuccess || key == nullptr) {
      machine.cancel(reservation_);
    } else {
      machine.commit(reservation_, kind, as_key(*key), context);
    }
    return code;
  }

 private:
  static uint64_t as_key(unsigned long value) { return value; }
  static uint64_t as_key(unsigned long long value) { return value; }
  static uint64_t as_key(const void* value) { return reinterpret_cast<uint64_t>(value); }

  Reservation reservation_;
  Reserved reserved_;
};

/// The device whose memory a call changes; counted, and held while the process is parked.
DeviceState* counted() { return before_other_call(); }

ContextHandle context_of(const DeviceState* device) {
  if (device == nullptr) {
    return nullptr;
  }
  const Inside inside;
  return machine.current_context();
}

/// What is asked for.
struct Wish {
  DeviceState* device = nullptr;
  uint64_t bytes = 0;
  uint64_t granule = kAllocationGranule;
  MemoryKind kind = MemoryKind::kLinear;
};

/// An allocation. Beyond the workload's limit it is refused at once; where the GPU has no memory
/// for it now it may wait for some, and is tried once more: for a moment, since the driver frees
/// what a process held that died after the daemon heard of it.
template <class Key, class Call>
Code allocate(const Wish& wish, const Key* key, ContextHandle context, Call call) {
  uint64_t try_until_ns = 0;  // once it has waited
  while (true) {
    Request request(wish.device, wish.bytes, wish.granule);
    if (request.reserved() == Reserved::kOverLimit) {
      return Code::kOutOfMemory;
    }
    const Code code =
        request.refused() ? Code::kOutOfMemory : request.done(call(), wish.kind, key, context);
    if (code != Code::kOutOfMemory) {
      return code;
    }
    if (try_until_ns == 0) {
      if (!machine.await_memory(wish.device, wish.bytes)) {
        return code;
      }
      try_until_ns = now_ns() + kReleaseNs;
    } else if (!await_release(*wish.device, try_until_ns)) {
      return code;
    }
    machine.before_call(wish.device);
  }
}

template <Slot kSlot, DefaultStream>
Code mem_alloc(DevicePtr* address, size_t bytes) {
  DeviceState* device = counted();
  return allocate({.device = device, .bytes = bytes}, address, context_of(device),
                  [=] { return next<kSlot>(address, bytes); });
}

/// The pitch is the driver's choice: counted with rows of a multiple of the granule, which it is.
template <Slot kSlot, DefaultStream>
Code mem_alloc_pitch(DevicePtr* address, size_t* pitch, size_t width, size_t height,
                     unsigned element) {
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(round_up(width, kAllocationGranule), height, &bytes)) {
    bytes = UINT64_MAX;
  }
  DeviceState* device = counted();
  return allocate({.device = device, .bytes = bytes}, address, context_of(device),
                  [=] { return next<kSlot>(address, pitch, width, height, element); });
}

template <Slot kSlot, DefaultStream>
Code mem_alloc_managed(DevicePtr* address, size_t bytes, unsigned flags) {
  DeviceState* device = counted();
  machine.note(wire::kFlagManagedMemory);
  return allocate({.device = device, .bytes = bytes}, address, context_of(device),
                  [=] { return next<kSlot>(address, bytes, flags); });
}

template <Slot kSlot, DefaultStream>
Code mem_alloc_async(DevicePtr* address, size_t bytes, StreamHandle stream) {
  DeviceState* device = counted();
  return allocate({.device = device, .bytes = bytes}, address, context_of(device),
                  [=] { return next<kSlot>(address, bytes, stream); });
}

template <Slot kSlot, DefaultStream>
Code mem_alloc_pool(DevicePtr* address, size_t bytes, void* pool, StreamHandle stream) {
  DeviceState* device = counted();
  return allocate({.device = device, .bytes = bytes}, address, context_of(device),
                  [=] { return next<kSlot>(address, bytes, pool, stream); });
}

/// A free around its call of the driver.
class Giving {
 public:
  Giving(MemoryKind kind, uint64_t key) : known_(begin(kind, key)) {}
  Code done(Code code) const {
    if (known_) {
      machine.after_free(holding_, code);
    }
    return code;
  }

 private:
  bool begin(MemoryKind kind, uint64_t key) {
    if (!outermost()) {
      return false;
    }
    before_other_call();
    return machine.before_free(kind, key, &holding_);
  }

  Holding holding_;
  bool known_;
};

template <Slot kSlot, DefaultStream>
Code mem_free(DevicePtr address) {
  const Giving giving(MemoryKind::kLinear, address);
  return giving.done(next<kSlot>(address));
}

template <Slot kSlot, DefaultStream>
Code mem_free_async(DevicePtr address, StreamHandle stream) {
  const Giving giving(MemoryKind::kLinear, address);
  return giving.done(next<kSlot>(address, stream));
}

template <Slot kSlot, DefaultStream>
Code mem_create(AllocationHandle* handle, size_t bytes,
                const cuda::AllocationProperties* properties, unsigned long long flags) {
  DeviceState* device = counted();
  // Host memory by the same call is nobody's device memory (its location id means something else).
  const bool on_device =
      properties != nullptr && properties->location.type == cuda::kLocationDevice;
  device = on_device && device != nullptr ? machine.of_device(properties->location.id) : nullptr;
  return allocate({.device = device,
                   .bytes = bytes,
                   .granule = kPhysicalGranule,
                   .kind = MemoryKind::kPhysical},
                  handle, nullptr, [=] { return next<kSlot>(handle, bytes, properties, flags); });
}

template <Slot kSlot, DefaultStream>
Code mem_release(AllocationHandle handle) {
  before_other_call();
  const Code code = next<kSlot>(handle);
  if (code == Code::kSuccess && outermost()) {
    machine.on_reference_gone(MemoryKind::kPhysical, handle);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code mem_retain(AllocationHandle* handle, void* address) {
  before_other_call();
  const Code code = next<kSlot>(handle, address);
  if (code == Code::kSuccess && handle != nullptr && outermost()) {
    machine.book().add_reference(MemoryKind::kPhysical, *handle);
  }
  return code;
}

/// An import counts from its first mapping on, when its size is known.
template <Slot kSlot, DefaultStream>
Code mem_import(AllocationHandle* handle, void* os_handle, int type) {
  DeviceState* device = counted();
  machine.note(wire::kFlagSharesMemory);
  Request request(device, 0, kPhysicalGranule);
  return request.done(next<kSlot>(handle, os_handle, type), MemoryKind::kPhysical, handle, nullptr);
}

template <Slot kSlot, DefaultStream>
Code mem_map(DevicePtr address, size_t bytes, size_t offset, AllocationHandle handle,
             unsigned long long flags) {
  before_other_call();
  if (outermost() && !machine.on_map(address, bytes, handle)) {
    return Code::kOutOfMemory;
  }
  const Code code = next<kSlot>(address, bytes, offset, handle, flags);
  if (code != Code::kSuccess && outermost()) {
    machine.on_unmap(address, bytes);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code mem_unmap(DevicePtr address, size_t bytes) {
  before_other_call();
  const Code code = next<kSlot>(address, bytes);
  if (code == Code::kSuccess && outermost()) {
    machine.on_unmap(address, bytes);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code array_create(ArrayHandle* array, const cuda::ArrayDescription* descriptor) {
  DeviceState* device = counted();
  uint64_t bytes = 0;
  if (descriptor != nullptr) {
    bytes = array_bytes({.width = descriptor->width,
                         .height = descriptor->height,
                         .depth = 0,
                         .format = descriptor->format,
                         .channels = descriptor->channels,
                         .flags = 0},
                        1);
  }
  return allocate({.device = device, .bytes = bytes, .kind = MemoryKind::kArray}, array,
                  context_of(device), [=] { return next<kSlot>(array, descriptor); });
}

template <Slot kSlot, DefaultStream>
Code array_3d_create(ArrayHandle* array, const cuda::Array3dDescription* descriptor) {
  DeviceState* device = counted();
  const uint64_t bytes = descriptor != nullptr ? array_bytes(*descriptor, 1) : 0;
  return allocate({.device = device, .bytes = bytes, .kind = MemoryKind::kArray}, array,
                  context_of(device), [=] { return next<kSlot>(array, descriptor); });
}

template <Slot kSlot, DefaultStream>
Code array_destroy(ArrayHandle array) {
  const Giving giving(MemoryKind::kArray, reinterpret_cast<uint64_t>(array));
  return giving.done(next<kSlot>(array));
}

template <Slot kSlot, DefaultStream>
Code mipmapped_create(MipmappedArrayHandle* array, const cuda::Array3dDescription* descriptor,
                      unsigned levels) {
  DeviceState* device = counted();
  const uint64_t bytes = descriptor != nullptr ? array_bytes(*descriptor, levels) : 0;
  return allocate({.device = device, .bytes = bytes, .kind = MemoryKind::kMipmappedArray}, array,
                  context_of(device), [=] { return next<kSlot>(array, descriptor, levels); });
}

template <Slot kSlot, DefaultStream>
Code mipmapped_destroy(MipmappedArrayHandle array) {
  const Giving giving(MemoryKind::kMipmappedArray, reinterpret_cast<uint64_t>(array));
  return giving.done(next<kSlot>(array));
}

/// The size is known only when it is open; what passes the limit is closed again.
template <Slot kSlot, DefaultStream>
Code ipc_open(DevicePtr* address, cuda::IpcMemoryHandle handle, unsigned flags) {
  DeviceState* device = counted();
  machine.note(wire::kFlagSharesMemory);
  const Code code = next<kSlot>(address, handle, flags);
  if (code != Code::kSuccess || address == nullptr) {
    return code;
  }
  if (device == nullptr || machine.book().add_reference(MemoryKind::kIpc, *address)) {
    return code;
  }
  DevicePtr base = 0;
  size_t bytes = 0;
  const auto range = machine.driver().address_range;
  if (range == nullptr || range(&base, &bytes, *address) != Code::kSuccess) {
    return code;
  }
  Request request(device, bytes, kAllocationGranule);
  if (request.refused()) {
    next<Slot::cuIpcCloseMemHandle>(*address);
    return Code::kOutOfMemory;
  }
  return request.done(code, MemoryKind::kIpc, address, context_of(device));
}

template <Slot kSlot, DefaultStream>
Code ipc_close(DevicePtr address) {
  before_other_call();
  const Code code = next<kSlot>(address);
  if (code == Code::kSuccess && outermost()) {
    machine.on_reference_gone(MemoryKind::kIpc, address);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code external_import(ExternalMemoryHandle* memory,
                     const cuda::ExternalMemoryDescription* descriptor) {
  DeviceState* device = counted();
  machine.note(wire::kFlagSharesMemory);
  return allocate({.device = device,
                   .bytes = descriptor != nullptr ? descriptor->size : 0,
                   .kind = MemoryKind::kExternal},
                  memory, context_of(device), [=] { return next<kSlot>(memory, descriptor); });
}

template <Slot kSlot, DefaultStream>
Code external_destroy(ExternalMemoryHandle memory) {
  const Giving giving(MemoryKind::kExternal, reinterpret_cast<uint64_t>(memory));
  return giving.done(next<kSlot>(memory));
}

/// What is left under a limit: never wraps, whatever is in use.
uint64_t left_of(const DeviceState& device, uint64_t limit) {
  const uint64_t used = machine.book().used(device.ordinal);
  return used < limit ? limit - used : 0;
}

template <Slot kSlot, DefaultStream>
Code mem_get_info(size_t* free_bytes, size_t* total_bytes) {
  const Look look;  // the driver fails it while the process is parked
  const Code code = next<kSlot>(free_bytes, total_bytes);
  const DeviceState* device = code == Code::kSuccess && outermost() ? machine.current() : nullptr;
  const uint64_t limit = device != nullptr ? machine.limit(*device) : 0;
  const uint64_t room = device != nullptr ? machine.room(*device) : 0;
  for (const uint64_t bound : {limit, room}) {
    if (bound != 0 && free_bytes != nullptr) {
      *free_bytes = std::min<uint64_t>(*free_bytes, left_of(*device, bound));
    }
  }
  if (limit != 0 && total_bytes != nullptr) {
    *total_bytes = std::min<uint64_t>(*total_bytes, limit);
  }
  return code;
}

/// What NVML shall answer for a device: the workload's limit and what is left of it.
struct Limited {
  uint64_t limit = 0;  ///< 0: NVML's own answer
  uint64_t left = UINT64_MAX;
};

/// A process that uses NVML alone (nvidia-smi) is no session: it shows the limit that it would join
/// with, where a daemon governs the device.
uint64_t limit_without_session(const char* uuid) {
  char path[PATH_MAX];
  const int length =
      snprintf(path, sizeof path, "%s/%s/shim.sock", environment(wire::kEnvRunDir), uuid);
  if (length < 0 || static_cast<size_t>(length) >= sizeof path || access(path, F_OK) != 0) {
    return 0;
  }
  return number_in_environment(wire::kEnvMemory);
}

Limited limited(nvml::DeviceHandle handle) {
  using UuidFunction = Code (*)(nvml::DeviceHandle, char*, unsigned);
  if (thread_state.depth > 0 || !enabled()) {
    return {};
  }
  auto* ask = reinterpret_cast<UuidFunction>(exported_at("nvmlDeviceGetUUID"));
  char uuid[96] = {};
  if (ask == nullptr || ask(handle, uuid, sizeof uuid) != Code::kSuccess) {
    return {};
  }
  if (const DeviceState* device = machine.of_uuid(uuid)) {
    const uint64_t limit = machine.limit(*device);
    return {.limit = limit, .left = left_of(*device, limit)};
  }
  return {.limit = limit_without_session(uuid)};
}

/// Free, used and total within the limit, in agreement with cuMemGetInfo.
template <class Memory>
void limit_memory(const Limited& limited, Memory* memory) {
  const uint64_t total = std::min<uint64_t>(memory->total, limited.limit);
  const uint64_t unused = total - std::min<uint64_t>(memory->used, total);
  memory->free = limited.left == UINT64_MAX
                     ? unused
                     : std::min({uint64_t{memory->free}, uint64_t{limited.left}, total});
  memory->total = total;
  memory->used = total - memory->free;
}

template <Slot kSlot, DefaultStream>
Code nvml_memory(nvml::DeviceHandle handle, nvml::Memory* memory) {
  const Code code = next<kSlot>(handle, memory);
  const Limited limits = code == Code::kSuccess && memory != nullptr ? limited(handle) : Limited{};
  if (limits.limit != 0) {
    limit_memory(limits, memory);
  }
  return code;
}

template <Slot kSlot, DefaultStream>
Code nvml_memory_v2(nvml::DeviceHandle handle, nvml::MemoryV2* memory) {
  const Code code = next<kSlot>(handle, memory);
  const Limited limits = code == Code::kSuccess && memory != nullptr ? limited(handle) : Limited{};
  if (limits.limit != 0) {
    memory->reserved = 0;  // the driver's own share is outside of the limit
    limit_memory(limits, memory);
  }
  return code;
}

}  // namespace

#define CORUN_DEFINE(symbol, handler, stream, since) \
  CORUN_DEFINE_HOOK(symbol, (&handler<Slot::symbol, DefaultStream::stream>))
CORUN_MEMORY_HOOKS(CORUN_DEFINE)
CORUN_NVML_HOOKS(CORUN_DEFINE)
#undef CORUN_DEFINE

}  // namespace corun::shim
