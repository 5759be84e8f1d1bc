#include "simgpu/driver/device_file.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <optional>

#include "core/abi/sim.h"
#include "core/clock.h"
#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver {

namespace {

// Seen with a CUDA context on an H100: one group for kernels and four of copy engines.
constexpr uint32_t kCopyGroups = 4;
constexpr uint32_t kFirstHandle = 0x5c000000;
constexpr uint32_t kDeviceHandle = 0x5c0fffff;  // whose groups they are; itself never allocated

std::atomic<int> own_fd{-1};
/// The calling thread makes a device call of the driver itself, and holds Driver::mutex.
thread_local bool inside = false;

class Inside {
 public:
  Inside() { inside = true; }
  ~Inside() { inside = false; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
};

template <typename Argument>
bool device_call(int fd, unsigned number, Argument& argument) {
  const Inside mark;
  return ioctl(fd, rm::request(number, sizeof argument), &argument) == 0;
}

/// The calling thread is in the kernel module until then.
void stay_until(Instant end) {
  const timespec until{end.ns / 1'000'000'000, end.ns % 1'000'000'000};
  while (monotonic_now() < end &&
         clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

}  // namespace

void DeviceFile::attach() {
  auto* attach = reinterpret_cast<sim::AttachFunction*>(dlsym(RTLD_DEFAULT, sim::kAttachSymbol));
  if (attach != nullptr) attach(&DeviceFile::answer, &ControlFiles::open);
}

bool DeviceFile::open() {
  if (tried_) return client_ != 0;
  tried_ = true;
  fd_ = Fd(memfd_create("corun-simulated-gpu", MFD_CLOEXEC));
  struct stat made {};
  if (!fd_ || fstat(fd_.get(), &made) != 0) return false;
  inode_ = made.st_ino;
  filesystem_ = made.st_dev;
  own_fd.store(fd_.get(), std::memory_order_release);
  client_ = call_alloc(0, 0, rm::kRootClass, nullptr, 0);
  return client_ != 0;
}

uint32_t DeviceFile::call_alloc(uint32_t root, uint32_t parent, uint32_t object_class,
                                void* parameters, uint32_t size) {
  rm::Alloc call{};
  call.root = root;
  call.parent = parent;
  call.object_class = object_class;
  call.parameters = reinterpret_cast<uint64_t>(parameters);
  call.parameters_size = size;
  const bool answered = device_call(fd_.get(), rm::kAllocNumber, call);
  return answered && call.status == rm::kOk ? call.object : 0;
}

std::vector<uint32_t> DeviceFile::make_groups(uint32_t context) {
  std::vector<uint32_t> made;
  if (!open()) return made;
  for (uint32_t i = 0; i <= kCopyGroups; ++i) {
    rm::ChannelGroupParameters parameters;
    parameters.address_space = context;  // names the context
    parameters.engine = i == 0 ? rm::kFirstComputeEngine : rm::kFirstCopyEngine + i - 1;
    const uint32_t group =
        call_alloc(client_, kDeviceHandle, rm::kChannelGroupClass, &parameters, sizeof parameters);
    if (group == 0) break;
    made.push_back(group);
    rm::ScheduleParameters schedule{1, 0, 0};
    rm::Control call{};
    call.client = client_;
    call.object = group;
    call.command = rm::kSchedule;
    call.parameters = reinterpret_cast<uint64_t>(&schedule);
    call.parameters_size = sizeof schedule;
    device_call(fd_.get(), rm::kControlNumber, call);
  }
  return made;
}

void DeviceFile::free_groups(const std::vector<uint32_t>& groups) {
  for (const uint32_t group : groups) {
    rm::Free call{client_, kDeviceHandle, group, 0};
    device_call(fd_.get(), rm::kFreeNumber, call);
  }
}

// --- answers ---

/// Whether `fd` is still the file that was opened: a program may close it and use its number again.
bool DeviceFile::is_own(int fd) const {
  struct stat asked {};
  return fstat(fd, &asked) == 0 && asked.st_ino == inode_ && asked.st_dev == filesystem_;
}

bool DeviceFile::answer(int fd, unsigned long request, void* argument, int* result) {
  if (fd < 0 || _IOC_TYPE(request) != rm::kIoctlType || argument == nullptr) return false;
  Driver& driver = Driver::get();
  if (fd != own_fd.load(std::memory_order_acquire)) {
    return driver.control_files.any() && answer_control_file(fd, request, argument, result);
  }
  const Instant begun = monotonic_now();
  std::optional<Lock> lock;
  if (!inside) lock.emplace(driver.mutex);
  DeviceFile& file = driver.device_file;
  if (driver.forked() || !file.is_own(fd)) return false;
  file.control_ns_ = 0;
  unsigned number = _IOC_NR(request);
  size_t size = _IOC_SIZE(request);
  if (number == rm::kWrappedNumber && size == sizeof(rm::Wrapped)) {
    const auto wrapped = *static_cast<const rm::Wrapped*>(argument);
    number = wrapped.number;
    size = wrapped.size;
    argument = pointer<void>(wrapped.argument);
  }
  *result = file.answer_number(number, size, argument) ? 0 : -1;
  if (*result != 0) errno = EINVAL;
  const Instant end = begun + Nanos(file.control_ns_);
  lock.reset();
  if (!inside) stay_until(end);
  return true;
}

bool DeviceFile::answer_control_file(int fd, unsigned long request, void* argument, int* result) {
  const Instant begun = monotonic_now();
  Driver& driver = Driver::get();
  Lock lock(driver.mutex);
  if (driver.forked() || !driver.control_files.owns(fd)) return false;
  int64_t takes_ns = 0;
  const bool known =
      driver.control_files.answer(fd, _IOC_NR(request), _IOC_SIZE(request), argument, &takes_ns);
  lock.unlock();
  *result = known ? 0 : -1;
  stay_until(begun + Nanos(takes_ns));
  if (!known) errno = EINVAL;
  return true;
}

/// False: not a call that the device knows.
bool DeviceFile::answer_number(unsigned number, size_t size, void* argument) {
  if (number == rm::kAllocNumber && size == sizeof(rm::Alloc)) {
    alloc(*static_cast<rm::Alloc*>(argument));
    return true;
  }
  if (number == rm::kAllocNumber && size == sizeof(rm::AllocShort)) {
    auto& brief = *static_cast<rm::AllocShort*>(argument);
    rm::Alloc call{.root = brief.root,
                   .parent = brief.parent,
                   .object = brief.object,
                   .object_class = brief.object_class,
                   .parameters = brief.parameters};
    call.parameters_size = brief.parameters_size;
    alloc(call);
    brief.object = call.object;
    brief.status = call.status;
    return true;
  }
  if (number == rm::kControlNumber && size == sizeof(rm::Control)) {
    control(*static_cast<rm::Control*>(argument));
    return true;
  }
  if (number == rm::kFreeNumber && size == sizeof(rm::Free)) {
    free(*static_cast<rm::Free*>(argument));
    return true;
  }
  return false;
}

void DeviceFile::alloc(rm::Alloc& call) {
  call.status = rm::kOk;
  if (call.object == 0) call.object = kFirstHandle + ++last_handle_;
  if (call.object_class == rm::kRootClass) return;
  if (call.object_class != rm::kChannelGroupClass) {
    call.status = rm::kInvalidClass;
  } else if (call.root != client_ || groups_.contains(call.object)) {
    call.status = rm::kInvalidObjectHandle;
  } else if (call.parameters == 0 || call.parameters_size != sizeof(rm::ChannelGroupParameters)) {
    call.status = rm::kInvalidArgument;
  } else {
    const auto& parameters = *pointer<const rm::ChannelGroupParameters>(call.parameters);
    groups_[call.object] = {.context = parameters.address_space,
                            .kernels = parameters.engine == rm::kFirstComputeEngine};
  }
}

void DeviceFile::free(rm::Free& call) {
  if (call.object == client_ && call.object != 0) {
    groups_.clear();
    call.status = rm::kOk;
    return;
  }
  const bool known = call.root == client_ && groups_.erase(call.object) == 1;
  call.status = known ? rm::kOk : rm::kObjectNotFound;
}

void DeviceFile::control(rm::Control& call) {
  const auto group = groups_.find(call.object);
  if (call.client != client_ || group == groups_.end()) {
    call.status = rm::kInvalidObjectHandle;
    return;
  }
  call.status = group_control(group->second, call);
}

uint32_t DeviceFile::group_control(Group& group, const rm::Control& call) {
  const auto size_is = [&](size_t size) {
    return call.parameters != 0 && call.parameters_size == size;
  };
  switch (call.command) {
    case rm::kSchedule:
      if (!size_is(sizeof(rm::ScheduleParameters))) return rm::kInvalidArgument;
      if (pointer<const rm::ScheduleParameters>(call.parameters)->enable == 0) {
        say_once("taking a channel group off the run list is not simulated");
        return rm::kNotSupported;
      }
      group.scheduled = true;
      return rm::kOk;
    case rm::kSetTimeslice:
    case rm::kGetTimeslice:
      if (!size_is(sizeof(uint64_t))) return rm::kInvalidArgument;
      return steer(group, call.command, *pointer<uint64_t>(call.parameters));
    case rm::kPreempt: {
      if (!size_is(sizeof(rm::PreemptParameters))) return rm::kInvalidArgument;
      uint64_t unused = 0;
      return steer(group, call.command, unused);
    }
    case rm::kSetInterleaveLevel:
      return rm::kInsufficientPermissions;
    default:
      return rm::kNotSupported;
  }
}

/// Slices and preemption: of kernels' groups at the server, of copy engines' without effect.
uint32_t DeviceFile::steer(Group& group, uint32_t command, uint64_t& timeslice_us) {
  if (!group.scheduled) return rm::kInvalidArgument;
  if (command == rm::kSetTimeslice && timeslice_us == 0) return rm::kInvalidArgument;
  wire::GroupControl message;
  message.context = group.context;
  message.action = wire::GroupAction::kGetTimeslice;
  if (group.kernels && command == rm::kPreempt) message.action = wire::GroupAction::kPreempt;
  if (group.kernels && command == rm::kSetTimeslice) {
    message.action = wire::GroupAction::kSetTimeslice;
    message.timeslice_us = timeslice_us;
  }
  const auto answer = Driver::get().call(wire::Type::kGroupControl, message);
  if (!answer) return rm::kNotSupported;
  if (answer->code == wire::Code::kInvalid) return rm::kInvalidArgument;
  const auto state = answer->as<wire::GroupState>();
  if (answer->code != wire::Code::kOk || !state) return rm::kNotSupported;
  if (command == rm::kGetTimeslice) {
    const uint64_t own = group.timeslice_us != 0 ? group.timeslice_us : state->unset_timeslice_us;
    timeslice_us = group.kernels ? state->timeslice_us : own;
    return rm::kOk;
  }
  if (command == rm::kSetTimeslice) group.timeslice_us = timeslice_us;
  control_ns_ = state->control_ns;
  return rm::kOk;
}

}  // namespace corun::simgpu::driver
