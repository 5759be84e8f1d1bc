// The functions of the tests' driver library that answer something.
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "engine/shim/abi.h"
#include "tests/shim/driver/fake_driver.h"

namespace {

using corun::shim::AllocationHandle;
using corun::shim::DevicePtr;

constexpr size_t kTotal = size_t{8} << 30;
constexpr int kOutOfMemory = 2;
unsigned long next_address = 0x700000000;
void* last_stream = nullptr;
void* current_context = nullptr;
int failures_left = 0;
bool queries_hang = false;
std::atomic<bool> blocks_syncs{false};
std::atomic<int> process_state{0};

int give(unsigned long* address) {
  if (failures_left > 0) {
    --failures_left;
    return kOutOfMemory;
  }
  *address = next_address += 0x1000000;
  return 0;
}

int make_context(void** context) {
  *context = current_context = reinterpret_cast<void*>(0x5000);
  return 0;
}

/// As the real one: by base name, version and per-thread flag. It looks in its own library only.
void* find(const char* name, int version, unsigned long flags) {
  Dl_info info;
  if (dladdr(&next_address, &info) == 0) {
    return nullptr;
  }
  void* self = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  char symbol[128];
  for (const char* v : {"_v3", "_v2", ""}) {
    if (strcmp(v, "_v3") == 0 && version < 11040) {
      continue;
    }
    for (const char* s : {"_ptsz", "_ptds", ""}) {
      snprintf(symbol, sizeof symbol, "%s%s%s", name, v, s);
      void* found = (flags & 2) != 0 || s[0] == '\0' ? dlsym(self, symbol) : nullptr;
      if (found != nullptr) {
        return found;
      }
    }
  }
  return nullptr;
}

}  // namespace

extern "C" {

unsigned long fake_calls(const char* symbol) {
  for (int i = 0; i < corun::shim::kSlots; ++i) {
    static const char* const names[] = {
#define FAKE_NAME(name, ...) #name,
        CORUN_ALL_HOOKS(FAKE_NAME)
#undef FAKE_NAME
    };
    if (strcmp(names[i], symbol) == 0) {
      return fake_counts[i];
    }
  }
  return ~0UL;
}
void* fake_last_stream() { return last_stream; }
void fake_fail_next() { ++failures_left; }
void fake_hang_queries() { __atomic_store_n(&queries_hang, true, __ATOMIC_SEQ_CST); }
void fake_block_syncs(int block) {
  blocks_syncs = block != 0;
  blocks_syncs.notify_all();
}
void fake_process_state(int state) { process_state = state; }

int cuInit(unsigned) { return 0; }
int cuDeviceGetUuid(void* uuid, int device) {
  memset(uuid, device + 1, 16);
  return 0;
}
int cuDeviceGetAttribute(int* value, int, int) {
  *value = 1;
  return 0;
}
int cuCtxGetCurrent(void** context) {
  *context = current_context;
  return 0;
}
int cuCtxGetDevice(int* device) {
  *device = 0;
  return current_context == nullptr ? 201 : 0;
}
int cuCtxPushCurrent_v2(void*) { return 0; }
int cuCtxPopCurrent_v2(void**) { return 0; }
int cuMemHostRegister_v2(void*, size_t, unsigned) { return 0; }
int cuMemHostGetDevicePointer_v2(unsigned long* address, void* memory, unsigned) {
  *address = reinterpret_cast<unsigned long>(memory);
  return 0;
}
int cuStreamWaitValue32_v2(void*, unsigned long, unsigned, unsigned) { return 0; }
int cuStreamQuery(void*) {
  ++FAKE_COUNT(cuStreamQuery);
  while (__atomic_load_n(&queries_hang, __ATOMIC_SEQ_CST)) {
    pause();
  }
  return 0;
}
int cuStreamIsCapturing(void*, int* status) {
  *status = 0;
  return 0;
}
int cuMemGetAddressRange_v2(unsigned long* base, size_t* bytes, unsigned long address) {
  *base = address;
  *bytes = size_t{1} << 20;
  return 0;
}

int cuCtxCreate_v2(void** context, unsigned, int) {
  ++FAKE_COUNT(cuCtxCreate_v2);
  return make_context(context);
}
int cuDevicePrimaryCtxRetain(void** context, int) {
  ++FAKE_COUNT(cuDevicePrimaryCtxRetain);
  return make_context(context);
}
int cuCtxSynchronize() {
  __atomic_fetch_add(&FAKE_COUNT(cuCtxSynchronize), 1, __ATOMIC_RELAXED);
  blocks_syncs.wait(true);
  return 0;
}
int cuCheckpointProcessGetState(int, int* state) {
  *state = process_state;
  return 0;
}

int cuLaunchKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                   void* stream, void**, void**) {
  ++FAKE_COUNT(cuLaunchKernel);
  last_stream = stream;
  return 0;
}
int cuLaunchKernel_ptsz(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                        void* stream, void**, void**) {
  ++FAKE_COUNT(cuLaunchKernel_ptsz);
  last_stream = stream;
  return 0;
}

int cuMemAlloc_v2(unsigned long* address, size_t) {
  ++FAKE_COUNT(cuMemAlloc_v2);
  return give(address);
}
int cuMemAllocPitch_v2(unsigned long* address, size_t* pitch, size_t width, size_t, unsigned) {
  ++FAKE_COUNT(cuMemAllocPitch_v2);
  *pitch = (width + 511) / 512 * 512;
  return give(address);
}
int cuMemAllocManaged(unsigned long* address, size_t, unsigned) {
  ++FAKE_COUNT(cuMemAllocManaged);
  return give(address);
}
int cuMemAllocAsync(unsigned long* address, size_t, void*) {
  ++FAKE_COUNT(cuMemAllocAsync);
  return give(address);
}
int cuMemAllocFromPoolAsync(unsigned long* address, size_t, void*, void*) {
  ++FAKE_COUNT(cuMemAllocFromPoolAsync);
  return give(address);
}
int cuMemCreate(unsigned long* handle, size_t, const void*, unsigned long long) {
  ++FAKE_COUNT(cuMemCreate);
  return give(handle);
}
int cuMemImportFromShareableHandle(unsigned long* handle, void*, int) {
  ++FAKE_COUNT(cuMemImportFromShareableHandle);
  return give(handle);
}
int cuArrayCreate_v2(unsigned long* array, const void*) {
  ++FAKE_COUNT(cuArrayCreate_v2);
  return give(array);
}
int cuArray3DCreate_v2(unsigned long* array, const void*) {
  ++FAKE_COUNT(cuArray3DCreate_v2);
  return give(array);
}
int cuMipmappedArrayCreate(unsigned long* array, const void*, unsigned) {
  ++FAKE_COUNT(cuMipmappedArrayCreate);
  return give(array);
}
int cuImportExternalMemory(unsigned long* memory, const void*) {
  ++FAKE_COUNT(cuImportExternalMemory);
  return give(memory);
}
int cuIpcOpenMemHandle_v2(unsigned long* address, corun::cuda::IpcMemoryHandle handle, unsigned) {
  ++FAKE_COUNT(cuIpcOpenMemHandle_v2);
  // One address a handle, however often it is opened.
  *address = 0x600000000 + static_cast<unsigned char>(handle.bytes[0]) * 0x1000000UL;
  return 0;
}
int cuMemGetInfo_v2(size_t* free_bytes, size_t* total_bytes) {
  ++FAKE_COUNT(cuMemGetInfo_v2);
  if (free_bytes != nullptr) {
    *free_bytes = kTotal;
  }
  if (total_bytes != nullptr) {
    *total_bytes = kTotal;
  }
  return 0;
}

int cuGetProcAddress_v2(const char* name, void** function, int version, unsigned long flags,
                        int* status) {
  *function = find(name, version, flags);
  if (status != nullptr) {
    *status = *function != nullptr ? 0 : 1;
  }
  return *function != nullptr ? 0 : 500;
}
int cuGetProcAddress(const char* name, void** function, int version, unsigned long flags) {
  return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}

}  // extern "C"
