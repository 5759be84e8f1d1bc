// NVML for tests: one device of 8 GiB, 3 of them in use by somebody.
#include "core/abi/nvml.h"

#include <cstdio>

extern "C" {

int nvmlDeviceGetUUID(void*, char* uuid, unsigned length) {
  snprintf(uuid, length, "GPU-01010101-0101-0101-0101-010101010101");
  return 0;
}
int nvmlDeviceGetMemoryInfo(void*, corun::nvml::Memory* memory) {
  *memory = {};
  memory->total = 8ULL << 30;
  memory->used = 3ULL << 30;
  memory->free = 5ULL << 30;
  return 0;
}
int nvmlDeviceGetMemoryInfo_v2(void*, corun::nvml::MemoryV2* memory) {
  memory->total = 8ULL << 30;
  memory->reserved = 1ULL << 30;
  memory->used = 3ULL << 30;
  memory->free = 4ULL << 30;
  return 0;
}

}  // extern "C"
