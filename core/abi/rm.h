// The device calls by which libcuda makes and steers channel groups, as far as corun uses them: the
// ioctls of /dev/nvidiactl (type 'F') and the controls of a channel group (class 0xA06C). The shim
// sees and issues them, the simulated driver makes and answers them.
//
// Source of facts: NVIDIA's published kernel modules,
// https://github.com/NVIDIA/open-gpu-kernel-modules (src/common/sdk/nvidia/inc: nvos.h,
// ctrl/ctrla06c.h, nvstatuscodes.h; src/nvidia/arch/nvalloc/unix/include/nv-ioctl-numbers.h,
// nv_escape.h).
#pragma once

#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>

namespace corun::rm {

inline constexpr unsigned kIoctlType = 'F';

// Numbers of the ioctls, and the structures behind their arguments.
inline constexpr unsigned kFreeNumber = 0x29;     ///< Free
inline constexpr unsigned kControlNumber = 0x2A;  ///< Control
inline constexpr unsigned kAllocNumber = 0x2B;    ///< Alloc or AllocShort, told apart by size
inline constexpr unsigned kWrappedNumber = 211;   ///< Wrapped: one of the others, by pointer

/// The request of ioctl(2) for number `number` with an argument of `bytes`.
constexpr unsigned long request(unsigned number, size_t bytes) {
  return _IOC(_IOC_READ | _IOC_WRITE, kIoctlType, number, bytes);
}

/// NVOS64_PARAMETERS.
struct Alloc {
  uint32_t root = 0;
  uint32_t parent = 0;
  uint32_t object = 0;  ///< in: the handle wanted, or 0; out: the handle
  uint32_t object_class = 0;
  uint64_t parameters = 0;
  uint64_t rights = 0;
  uint32_t parameters_size = 0;
  uint32_t flags = 0;
  uint32_t status = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(Alloc) == 48 && offsetof(Alloc, status) == 40);

/// NVOS21_PARAMETERS; the first four fields are those of Alloc.
struct AllocShort {
  uint32_t root = 0;
  uint32_t parent = 0;
  uint32_t object = 0;
  uint32_t object_class = 0;
  uint64_t parameters = 0;
  uint32_t parameters_size = 0;
  uint32_t status = 0;
};
static_assert(sizeof(AllocShort) == 32 && offsetof(AllocShort, status) == 28);

/// NVOS54_PARAMETERS.
struct Control {
  uint32_t client = 0;
  uint32_t object = 0;
  uint32_t command = 0;
  uint32_t flags = 0;
  uint64_t parameters = 0;
  uint32_t parameters_size = 0;
  uint32_t status = 0;
};
static_assert(sizeof(Control) == 32 && offsetof(Control, status) == 28);

/// NVOS00_PARAMETERS. Freeing the root frees all its objects.
struct Free {
  uint32_t root = 0;
  uint32_t parent = 0;
  uint32_t object = 0;
  uint32_t status = 0;
};
static_assert(sizeof(Free) == 16);

/// nv_ioctl_xfer_t.
struct Wrapped {
  uint32_t number = 0;
  uint32_t size = 0;
  uint64_t argument = 0;
};
static_assert(sizeof(Wrapped) == 16);

inline constexpr uint32_t kRootClass = 0x41;            ///< NV01_ROOT_CLIENT: a client
inline constexpr uint32_t kChannelGroupClass = 0xA06C;  ///< KEPLER_CHANNEL_GROUP_A

// Controls of a channel group.
inline constexpr uint32_t kSchedule = 0xa06c0101;            ///< ScheduleParameters
inline constexpr uint32_t kSetTimeslice = 0xa06c0103;        ///< uint64_t, microseconds
inline constexpr uint32_t kGetTimeslice = 0xa06c0104;        ///< uint64_t, microseconds
inline constexpr uint32_t kPreempt = 0xa06c0105;             ///< PreemptParameters
inline constexpr uint32_t kSetInterleaveLevel = 0xa06c0107;  ///< privileged

/// NV_CHANNEL_GROUP_ALLOCATION_PARAMETERS.
struct ChannelGroupParameters {
  uint32_t error_object = 0;
  uint32_t ecc_error_object = 0;
  uint32_t address_space = 0;
  uint32_t engine = 0;  ///< NV2080_ENGINE_TYPE_...
  uint32_t virtual_plugin = 0;
};
static_assert(sizeof(ChannelGroupParameters) == 20 &&
              offsetof(ChannelGroupParameters, engine) == 12);
/// NV2080_ENGINE_TYPE_GR0 to _GR7, and _COPY0; the other copy engines and the rest come after.
inline constexpr uint32_t kFirstComputeEngine = 1;
inline constexpr uint32_t kLastComputeEngine = 8;
inline constexpr uint32_t kFirstCopyEngine = 9;

struct ScheduleParameters {
  uint8_t enable;
  uint8_t skip_submit;
  uint8_t skip_enable;
};
static_assert(sizeof(ScheduleParameters) == 3);

struct PreemptParameters {
  uint8_t wait;
  uint8_t manual_timeout;
  uint8_t reserved[2];
  uint32_t timeout_us;
};
static_assert(sizeof(PreemptParameters) == 8);

// Outcomes, in the `status` fields.
inline constexpr uint32_t kOk = 0;
inline constexpr uint32_t kInsufficientPermissions = 0x1B;
inline constexpr uint32_t kInvalidArgument = 0x1F;
inline constexpr uint32_t kInvalidClass = 0x22;
inline constexpr uint32_t kInvalidObjectHandle = 0x33;
inline constexpr uint32_t kNotSupported = 0x56;
inline constexpr uint32_t kObjectNotFound = 0x57;

}  // namespace corun::rm
