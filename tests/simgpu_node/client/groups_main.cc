// A GPU program that watches its own device calls, as libcorun.so does: it has an ioctl of its own
// in front of libsimdev.so, which the tests preload.
#include <fmt/format.h>

#include <cstdarg>
#include <cstdio>
#include <string>

#include "core/abi/rm.h"
#include "core/clock.h"
#include "tests/simgpu_node/client/driver.h"
#include "tests/simgpu_node/number.h"

namespace corun::simgpu::testing {
namespace {

struct Group {
  int fd;
  uint32_t client;
  uint32_t object;
  bool scheduled;
};
std::vector<Group>& groups() {
  static std::vector<Group> all;
  return all;
}
int freed = 0;

int next_ioctl(int fd, unsigned long request, void* argument) {
  using Ioctl = int(int, unsigned long, ...);
  static auto* next = reinterpret_cast<Ioctl*>(dlsym(RTLD_NEXT, "ioctl"));
  return next(fd, request, argument);
}

void watch(int fd, unsigned long request, void* argument) {
  if (request == rm::request(rm::kAllocNumber, sizeof(rm::Alloc))) {
    const auto& call = *static_cast<const rm::Alloc*>(argument);
    if (call.object_class == rm::kChannelGroupClass && call.status == rm::kOk) {
      groups().push_back({fd, call.root, call.object, false});
    }
  } else if (request == rm::request(rm::kControlNumber, sizeof(rm::Control))) {
    const auto& call = *static_cast<const rm::Control*>(argument);
    if (call.command != rm::kSchedule || call.status != rm::kOk) return;
    for (Group& group : groups()) group.scheduled |= group.object == call.object;
  } else if (request == rm::request(rm::kFreeNumber, sizeof(rm::Free))) {
    const auto& call = *static_cast<const rm::Free*>(argument);
    freed += call.status == rm::kOk ? 1 : 0;
  }
}

/// A control of the group; its status.
template <typename Parameters>
uint32_t control(const Group& group, uint32_t command, Parameters& parameters) {
  rm::Control call{};
  call.client = group.client;
  call.object = group.object;
  call.command = command;
  call.parameters = reinterpret_cast<uint64_t>(&parameters);
  call.parameters_size = sizeof parameters;
  const int result =
      ioctl(group.fd, rm::request(rm::kControlNumber, sizeof call), &call);  // through the tap
  return result == 0 ? call.status : ~0U;
}

uint64_t timeslice(const Group& group) {
  uint64_t us = 0;
  return control(group, rm::kGetTimeslice, us) == rm::kOk ? us : 0;
}

bool set_timeslice(const Group& group, uint64_t us) {
  return control(group, rm::kSetTimeslice, us) == rm::kOk;
}

int report(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
  return 0;
}

/// How many groups a context makes, their slices, and what becomes of them.
int count() {
  Fixture gpu;
  if (gpu.code != cu::Code::kSuccess) return report("no GPU");
  int scheduled = 0;
  for (const Group& group : groups()) scheduled += group.scheduled ? 1 : 0;
  report(fmt::format(
      "made {} scheduled {} work {}", groups().size(), scheduled,
      gpu.launch_step(1) == cu::Code::kSuccess && gpu.read_state() == stepped(0, 1, 1)));
  if (!groups().empty()) {
    const Group& first = groups().front();
    const uint64_t before = timeslice(first);
    const bool set = set_timeslice(first, 6000);
    report(fmt::format("slice {} set {} slice {}", before, set, timeslice(first)));
    uint64_t level = 2;
    Group stranger = first;
    stranger.object ^= 0x100;
    report(fmt::format("interleave {:#x} stranger {:#x} none {}",
                       control(first, rm::kSetInterleaveLevel, level),
                       control(stranger, rm::kGetTimeslice, level), set_timeslice(first, 0)));
  }
  gpu.driver.cuDevicePrimaryCtxRelease(0);
  return report(fmt::format("freed {}", freed));
}

/// Kernels of 200 us for `ms`; at the begin, or else once settled, sets the slice of all groups.
int spin(uint64_t slice_us, int64_t ms, bool at_begin) {
  Fixture gpu;
  if (gpu.code != cu::Code::kSuccess) return report("no GPU");
  if (!at_begin) sleep_until(monotonic_now() + std::chrono::milliseconds(250));
  for (const Group& group : groups()) {
    if (!set_timeslice(group, slice_us)) return report("slice refused");
  }
  report("spinning");
  const Instant end = monotonic_now() + std::chrono::milliseconds(ms);
  int launches = 0;
  while (monotonic_now() < end) {
    for (int i = 0; i < 64; ++i) gpu.launch_burn(200);
    if (gpu.driver.cuStreamSynchronize(gpu.stream) != cu::Code::kSuccess) break;
    launches += 64;
  }
  return report(std::to_string(launches));
}

}  // namespace
}  // namespace corun::simgpu::testing

extern "C" __attribute__((visibility("default"))) int ioctl(int fd, unsigned long request,
                                                            ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  const int result = corun::simgpu::testing::next_ioctl(fd, request, argument);
  if (result == 0 && _IOC_TYPE(request) == corun::rm::kIoctlType) {
    corun::simgpu::testing::watch(fd, request, argument);
  }
  return result;
}

int main(int argc, char** argv) {
  using namespace corun::simgpu::testing;
  const std::string verb = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) {
    return argc > i ? static_cast<unsigned>(number_in(argv[i])) : 0u;
  };
  if (verb == "count") return count();
  if (verb == "spin" || verb == "spin-early") {
    return spin(number(2), number(3), verb == "spin-early");
  }
  fmt::print(stderr, "usage: simgpu_groups_client count | spin|spin-early SLICE_US MS\n");
  return 2;
}
