// A workload that does one thing wrong, and says what came of it, a line each:
//
//   faulty fault          works, then writes where it has no memory; lives on until its input ends
//   faulty allocate N M   asks each allocator for N MiB and for M MiB: "cuMemAlloc 2 0"
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

#include "core/abi/cuda.h"
#include "core/units.h"
#include "engine/shim/abi.h"
#include "workloads/synthetic/device_state.h"
#include "workloads/synthetic/gpu_session.h"

namespace corun::fault {
namespace {

using synthetic::DeviceState;
using synthetic::GpuSession;

constexpr uint32_t kBlocks = 64;
constexpr uint32_t kIterations = 2000;
constexpr int kGoodLaunches = 200;

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

/// Waits until the test has read what was said, or is gone.
void wait_for_input() {
  while (std::getchar() != EOF) {
  }
}

Status fault() {
  CORUN_ASSIGN(const auto gpu, GpuSession::open({}));
  CORUN_ASSIGN(const DeviceState state, DeviceState::create(gpu->driver(), 1));
  const auto stream = gpu->stream().get();
  for (int i = 0; i < kGoodLaunches; ++i) {
    CORUN_TRY(gpu->kernels().burn(stream, kBlocks, state.argument(), kIterations));
  }
  CORUN_TRY(gpu->stream().synchronize());
  auto nowhere = state.argument();
  nowhere.address = 0x10;
  CORUN_TRY(gpu->kernels().burn(stream, kBlocks, nowhere, kIterations));
  const Status faulted = gpu->stream().synchronize();
  say(faulted ? "no fault" : faulted.error().text());
  wait_for_input();
  return {};
}

/// Calls a function of the driver that GpuSession has loaded.
template <typename... Arguments>
int call(const char* name, Arguments... arguments) {
  static void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  const auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(driver, name));
  return function != nullptr ? function(arguments...) : -1;
}

struct Allocator {
  const char* name;
  int (*allocate)(uint64_t bytes);
};

int from_pool(uint64_t bytes) {
  void* pool = nullptr;
  const int code = call("cuDeviceGetDefaultMemPool", &pool, 0);
  uint64_t address = 0;
  void* const no_stream = nullptr;
  return code != 0 ? code
                   : call("cuMemAllocFromPoolAsync", &address, size_t{bytes}, pool, no_stream);
}

constexpr std::array kAllocators{
    Allocator{"cuMemAlloc",
              [](uint64_t bytes) {
                uint64_t address = 0;
                return call("cuMemAlloc_v2", &address, size_t{bytes});
              }},
    Allocator{"cuMemAllocPitch",
              [](uint64_t bytes) {
                uint64_t address = 0;
                size_t pitch = 0;
                return call("cuMemAllocPitch_v2", &address, &pitch, size_t{kMiB},
                            size_t{bytes / kMiB}, 4U);
              }},
    Allocator{"cuMemAllocManaged",
              [](uint64_t bytes) {
                uint64_t address = 0;
                return call("cuMemAllocManaged", &address, size_t{bytes}, 1U);
              }},
    Allocator{"cuMemAllocAsync",
              [](uint64_t bytes) {
                uint64_t address = 0;
                void* const no_stream = nullptr;
                return call("cuMemAllocAsync", &address, size_t{bytes}, no_stream);
              }},
    Allocator{"cuMemAllocFromPoolAsync", from_pool},
    Allocator{"cuMemCreate",
              [](uint64_t bytes) {
                uint64_t handle = 0;
                cuda::AllocationProperties on_device{};
                on_device.type = cuda::kAllocationPinned;
                on_device.location = {.type = cuda::kLocationDevice, .id = 0};
                return call("cuMemCreate", &handle, size_t{bytes}, &on_device, 0ULL);
              }},
    Allocator{"cuArrayCreate",
              [](uint64_t bytes) {
                void* array = nullptr;
                const cuda::ArrayDescription flat{
                    .width = 4096, .height = bytes / 16384, .format = 0x20, .channels = 1};
                return call("cuArrayCreate_v2", &array, &flat);
              }},
    Allocator{"cuArray3DCreate",
              [](uint64_t bytes) {
                void* array = nullptr;
                const cuda::Array3dDescription deep{.width = 1024,
                                                    .height = 1024,
                                                    .depth = bytes / (4 * kMiB),
                                                    .format = 0x20,
                                                    .channels = 1,
                                                    .flags = 0};
                return call("cuArray3DCreate_v2", &array, &deep);
              }},
};

Status allocate(uint64_t too_much_mib, uint64_t some_mib) {
  CORUN_ASSIGN(const auto gpu, GpuSession::open({}));
  for (const Allocator& one : kAllocators) {
    const int refused = one.allocate(too_much_mib * kMiB);
    say(fmt::format("{} {} {}", one.name, refused, one.allocate(some_mib * kMiB)));
  }
  wait_for_input();
  return {};
}

uint64_t number(const char* text) {
  uint64_t value = 0;
  std::from_chars(text, text + std::strlen(text), value);
  return value;
}

}  // namespace
}  // namespace corun::fault

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  corun::Status done;
  if (verb == "fault") {
    done = corun::fault::fault();
  } else if (verb == "allocate" && argc == 4) {
    done = corun::fault::allocate(corun::fault::number(argv[2]), corun::fault::number(argv[3]));
  } else {
    done = corun::usage_error("faulty fault | allocate N M");
  }
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().text());
  return 1;
}
