// Memory pools and arrays: what they hold counts as device memory; a pool gives memory back when it
// is freed, whatever its release threshold.
#include <algorithm>

#include "simgpu/driver/allocate.h"
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver::api {

namespace {

Pool* pool_of(const Driver& driver, MemoryPoolHandle handle) {
  auto* pool = reinterpret_cast<Pool*>(handle);
  return driver.pools.contains(pool) ? pool : nullptr;
}

MemoryPoolHandle to_handle(Pool* pool) { return reinterpret_cast<MemoryPoolHandle>(pool); }

/// The device's default pool, made when it is first asked for.
Pool* default_pool(Driver& driver, Device device) {
  for (Pool* pool : driver.pools) {
    if (pool->device == device && pool->is_default) return pool;
  }
  auto made = std::make_unique<Pool>();
  made->device = device;
  made->is_default = true;
  driver.pools.insert(made.get());
  return made.release();
}

Code default_pool_of(MemoryPoolHandle* pool, Device device, bool current) {
  if (pool == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  if (device < 0 || static_cast<size_t>(device) >= driver.devices().size()) {
    return Code::kInvalidDevice;
  }
  const auto chosen = driver.current_pools.find(device);
  *pool = to_handle(current && chosen != driver.current_pools.end() ? chosen->second
                                                                    : default_pool(driver, device));
  return Code::kSuccess;
}

/// Bytes of one element by CUarray_format; 0: not a format.
uint64_t format_bytes(unsigned format) {
  switch (format) {
    case 0x01:  // unsigned int8
    case 0x08:  // signed int8
      return 1;
    case 0x02:  // unsigned int16
    case 0x09:  // signed int16
    case 0x10:  // half
      return 2;
    case 0x03:  // unsigned int32
    case 0x0a:  // signed int32
    case 0x20:  // float
      return 4;
    default:
      return 0;
  }
}

bool valid_channels(unsigned channels) { return channels == 1 || channels == 2 || channels == 4; }

}  // namespace

Code cuMemPoolCreate(MemoryPoolHandle* pool, const PoolProperties* properties) {
  if (pool == nullptr || properties == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  const MemoryLocation& location = properties->location;
  if (properties->type != kAllocationPinned || location.type != kLocationDevice ||
      location.id < 0 || static_cast<size_t>(location.id) >= driver.devices().size()) {
    return Code::kInvalidValue;
  }
  auto made = std::make_unique<Pool>();
  made->device = location.id;
  *pool = to_handle(made.get());
  driver.pools.insert(made.release());
  return Code::kSuccess;
}

Code cuMemPoolDestroy(MemoryPoolHandle handle) {
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  Pool* pool = pool_of(driver, handle);
  if (pool == nullptr || pool->is_default) return Code::kInvalidValue;
  std::erase_if(driver.current_pools, [&](const auto& entry) { return entry.second == pool; });
  driver.pools.erase(pool);
  delete pool;
  return Code::kSuccess;
}

Code cuMemPoolTrimTo(MemoryPoolHandle handle, size_t) {
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  return pool_of(driver, handle) == nullptr ? Code::kInvalidValue : Code::kSuccess;
}

Code cuMemPoolSetAttribute(MemoryPoolHandle handle, PoolAttribute attribute, void* value) {
  if (value == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  Pool* pool = pool_of(driver, handle);
  const auto index = static_cast<size_t>(attribute);
  if (pool == nullptr || index >= pool->attributes.size()) return Code::kInvalidValue;
  pool->attributes[index] = attribute == PoolAttribute::kReleaseThreshold
                                ? *static_cast<const uint64_t*>(value)
                                : static_cast<uint64_t>(*static_cast<const int*>(value));
  return Code::kSuccess;
}

Code cuMemPoolGetAttribute(MemoryPoolHandle handle, PoolAttribute attribute, void* value) {
  if (value == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  const Pool* pool = pool_of(driver, handle);
  if (pool == nullptr) return Code::kInvalidValue;
  const auto index = static_cast<size_t>(attribute);
  if (index >= pool->attributes.size()) {
    say_once("how much memory a pool holds is not simulated");
    return Code::kNotSupported;
  }
  if (attribute == PoolAttribute::kReleaseThreshold) {
    *static_cast<uint64_t*>(value) = pool->attributes[index];
  } else {
    *static_cast<int*>(value) = static_cast<int>(pool->attributes[index]);
  }
  return Code::kSuccess;
}

Code cuDeviceGetDefaultMemPool(MemoryPoolHandle* pool, Device device) {
  return default_pool_of(pool, device, false);
}

Code cuDeviceGetMemPool(MemoryPoolHandle* pool, Device device) {
  return default_pool_of(pool, device, true);
}

Code cuDeviceSetMemPool(Device device, MemoryPoolHandle handle) {
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  Pool* pool = pool_of(driver, handle);
  if (pool == nullptr || pool->device != device) return Code::kInvalidValue;
  driver.current_pools[device] = pool;
  return Code::kSuccess;
}

Code cuMemAllocFromPoolAsync(DevicePtr* address, size_t bytes, MemoryPoolHandle handle,
                             StreamHandle stream) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const Pool* pool = pool_of(call.driver, handle);
  if (pool == nullptr || call.driver.stream(*call.context, stream) == nullptr) {
    return Code::kInvalidHandle;
  }
  if (pool->device != call.context->device) {
    say_once("a pool of another device than the current context's is not simulated");
    return Code::kNotSupported;
  }
  return allocate(call, address, bytes);
}

// --- arrays ---

Code cuArray3DCreate(ArrayHandle* array, const Array3dDescription* description) {
  if (array == nullptr || description == nullptr) return Code::kInvalidValue;
  const uint64_t element = format_bytes(description->format) * description->channels;
  const auto side = [](size_t size) { return std::max<size_t>(size, 1); };
  const size_t longest = std::max({description->width, description->height, description->depth});
  constexpr size_t kLongestSide = size_t{1} << 17;
  if (element == 0 || !valid_channels(description->channels) || description->width == 0 ||
      longest > kLongestSide) {
    return Code::kInvalidValue;
  }
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  DevicePtr address = 0;
  // Three sides below 2^17 and 16 bytes stay below 2^55; allocate() refuses what is too much.
  const Code code =
      allocate(call, &address,
               element * description->width * side(description->height) * side(description->depth));
  if (code != Code::kSuccess) return code;
  call.driver.arrays.insert(address);
  *array = reinterpret_cast<ArrayHandle>(address);  // NOLINT(performance-no-int-to-ptr)
  return Code::kSuccess;
}

Code cuArrayCreate(ArrayHandle* array, const ArrayDescription* description) {
  if (description == nullptr) return Code::kInvalidValue;
  const Array3dDescription whole{description->width,  description->height,   0,
                                 description->format, description->channels, 0};
  return api::cuArray3DCreate(array, &whole);
}

Code cuArrayDestroy(ArrayHandle array) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const auto address = reinterpret_cast<uint64_t>(array);
  if (call.driver.arrays.erase(address) == 0) return Code::kInvalidHandle;
  call.driver.wait_for_all(call.lock);
  return call.driver.release(address) ? Code::kSuccess : Code::kInvalidHandle;
}

}  // namespace corun::simgpu::driver::api
