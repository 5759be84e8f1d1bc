// The device calls, as far as corun uses them: the ioctls of /dev/nvidiactl (type 'F'). By them
// libcuda makes and steers channel groups (class 0xA06C), which the shim sees and issues, and the
// simulated driver makes and answers; and by them the driver's record of context switches is read
// (an event buffer, class 0x90CD; gpu/switch_buffer.h).
//
// Source of facts: NVIDIA's published kernel modules,
// https://github.com/NVIDIA/open-gpu-kernel-modules (src/common/sdk/nvidia/inc: nvos.h, nvlimits.h,
// nvstatuscodes.h, class/cl0080.h, cl2080.h, cl90cd.h, cl90cdfecs.h, cl90cdtypes.h, cl90ce.h,
// ctrl/ctrl0000/ctrl0000gpu.h, ctrl/ctrl2080/ctrl2080gr.h, ctrl/ctrl90cd.h, ctrl/ctrla06c.h;
// src/nvidia/arch/nvalloc/unix/include/nv-ioctl.h, nv-ioctl-numbers.h, nv_escape.h,
// nv-unix-nvos-params-wrappers.h).
#pragma once

#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>

namespace corun::rm {

inline constexpr unsigned kIoctlType = 'F';

// Numbers of the ioctls, and the structures behind their arguments.
inline constexpr unsigned kFreeNumber = 0x29;       ///< Free
inline constexpr unsigned kControlNumber = 0x2A;    ///< Control
inline constexpr unsigned kAllocNumber = 0x2B;      ///< Alloc or AllocShort, told apart by size
inline constexpr unsigned kMapMemoryNumber = 0x4E;  ///< MapMemory
inline constexpr unsigned kRegisterNumber = 201;    ///< Register, on the file of one device
inline constexpr unsigned kWrappedNumber = 211;     ///< Wrapped: one of the others, by pointer

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

/// nv_ioctl_nvos33_parameters_with_fd: makes `file`, freshly opened, one that mmap(2) at offset 0
/// and of this length maps the object by.
struct MapMemory {
  uint32_t client;
  uint32_t device;  ///< the client itself for memory without a device
  uint32_t memory;
  uint64_t offset;
  uint64_t length;
  uint64_t address;  ///< out, of no use to the caller
  uint32_t status;
  uint32_t flags;
  int32_t file;
};
static_assert(sizeof(MapMemory) == 56 && offsetof(MapMemory, status) == 40);
inline constexpr uint32_t kMapReadOnly = 1;

/// nv_ioctl_register_fd_t: this file of a device belongs to that control file.
struct Register {
  int32_t control_file;
};

/// nv_ioctl_xfer_t.
struct Wrapped {
  uint32_t number = 0;
  uint32_t size = 0;
  uint64_t argument = 0;
};
static_assert(sizeof(Wrapped) == 16);

inline constexpr uint32_t kRootClass = 0x41;            ///< NV01_ROOT_CLIENT: a client
inline constexpr uint32_t kDeviceClass = 0x80;          ///< NV01_DEVICE_0, DeviceParameters
inline constexpr uint32_t kSubdeviceClass = 0x2080;     ///< NV20_SUBDEVICE_0, uint32_t: 0
inline constexpr uint32_t kChannelGroupClass = 0xA06C;  ///< KEPLER_CHANNEL_GROUP_A
inline constexpr uint32_t kEventBufferClass = 0x90CD;   ///< NV_EVENT_BUFFER, EventBufferParameters
inline constexpr uint32_t kMemoryClass = 0x90CE;        ///< NV01_MEMORY_DEVICELESS

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

// Which devices there are: controls of the client itself.
inline constexpr uint32_t kGetAttachedIds = 0x201;  ///< AttachedIds
inline constexpr uint32_t kGetPciInfo = 0x21b;      ///< PciInfo
inline constexpr uint32_t kGetIdInfo = 0x205;       ///< IdInfo

inline constexpr uint32_t kNoId = 0xffffffff;
struct AttachedIds {
  uint32_t ids[32];  ///< kNoId behind the last one
};
static_assert(sizeof(AttachedIds) == 128);

struct PciInfo {
  uint32_t id;
  uint32_t domain;
  uint16_t bus;
  uint16_t slot;
};
static_assert(sizeof(PciInfo) == 12);

/// NV0000_CTRL_GPU_GET_ID_INFO_V2_PARAMS.
struct IdInfo {
  uint32_t id;
  uint32_t flags;
  uint32_t device;  ///< instance, for DeviceParameters
  uint32_t subdevice;
  uint32_t sli_status;
  uint32_t board;
  uint32_t gpu_instance;
  int32_t numa_node;
};
static_assert(sizeof(IdInfo) == 32);

/// NV0080_ALLOC_PARAMETERS.
struct DeviceParameters {
  uint32_t device;
  uint32_t client_share;
  uint32_t target_client;
  uint32_t target_device;
  uint32_t flags;
  uint64_t va_size;
  uint64_t va_start;
  uint64_t va_limit;
  uint32_t va_mode;
};
static_assert(sizeof(DeviceParameters) == 56);

/// NV_MEMORY_ALLOCATION_PARAMS.
struct MemoryParameters {
  uint32_t owner;
  uint32_t type;
  uint32_t flags;
  uint32_t width;
  uint32_t height;
  int32_t pitch;
  uint32_t attributes;
  uint32_t attributes2;
  uint32_t format;
  uint32_t compression;
  uint32_t z_culling;
  uint64_t range_low;
  uint64_t range_high;
  uint64_t size;
  uint64_t alignment;
  uint64_t offset;
  uint64_t limit;
  uint64_t address;
  uint32_t tag_offset;
  uint32_t va_space;
  uint32_t internal_flags;
  uint32_t tag;
  int32_t numa_node;
};
static_assert(sizeof(MemoryParameters) == 128 && offsetof(MemoryParameters, size) == 64);
inline constexpr uint32_t kMemoryCached = 1U << 29;        ///< `attributes`: coherency, 31:29
inline constexpr uint32_t kMemoryUserReadOnly = 1U << 22;  ///< `attributes2`

// An event buffer: a ring of records in memory that the kernel module writes and its owner may
// only read. get == put: empty; one slot stays free.
struct EventBufferParameters {
  uint64_t header_address;   ///< out, unused
  uint64_t records_address;  ///< out, unused
  uint32_t record_bytes;
  uint32_t record_count;
  uint64_t vardata_address;
  uint32_t vardata_bytes;
  uint32_t records_free_threshold;
  uint64_t notification;  ///< 0: none
  uint32_t vardata_free_threshold;
  /// Never 0: published versions of the kernel module use the device that it names unasked
  /// (src/nvidia/src/kernel/rmapi/event_buffer.c).
  uint32_t subdevice;
  uint32_t flags;
  uint32_t header_memory;   ///< handle of kMemoryClass, read-only for its user
  uint32_t records_memory;  ///< the same
  uint32_t vardata_memory;
};
static_assert(sizeof(EventBufferParameters) == 72);

/// At the beginning of header_memory.
struct EventHeader {
  uint32_t get;
  uint32_t put;
  uint64_t count;
  uint64_t dropped;  ///< since get was set last: there was no room
  uint64_t vardata_dropped;
};
static_assert(sizeof(EventHeader) == 32);

/// NV_EVENT_BUFFER_RECORD_HEADER with NV_EVENT_BUFFER_FECS_RECORD_V2: one step of a context switch.
struct SwitchEvent {
  uint16_t type;  ///< kSwitchEventType
  uint16_t subtype;
  uint32_t vardata;
  uint8_t tag;  ///< kContextStart, kContextEnd, ...
  uint8_t vmid;
  uint16_t sequence;
  uint32_t context;
  uint32_t pid;  ///< 0: another user's, and the reader is not root
  uint16_t reserved;
  uint8_t mig_gpu_instance;
  uint8_t mig_compute_instance;
  uint64_t timestamp_ns;  ///< the GPU's clock
};
static_assert(sizeof(SwitchEvent) == 32 && offsetof(SwitchEvent, timestamp_ns) == 24);
inline constexpr uint16_t kSwitchEventType = 2;
inline constexpr uint8_t kContextStart = 0x06;  ///< a context begins to run
inline constexpr uint8_t kContextEnd = 0x07;    ///< it is switched away

/// Of a subdevice: the switches of its compute engine go into this event buffer.
inline constexpr uint32_t kBindSwitchEvents = 0x20801238;
struct BindSwitchEvents {
  uint32_t event_buffer;
  uint32_t record_bytes;
  uint32_t detail;  ///< kDetailSimple; users get no other
  uint32_t filter;
  uint8_t all_users;
  uint8_t reserved[3];
  uint32_t reason;  ///< out, BindReason
};
static_assert(sizeof(BindSwitchEvents) == 24);
inline constexpr uint32_t kDetailSimple = 1;
enum BindReason : uint32_t {
  kBindOk,
  kBindGpuTooOld,
  kBindNotEnabledOnGpu,
  kBindNotEnabled,
  kBindNeedsAdmin,
  kBindNeedsCapability,
};

// Controls of an event buffer.
inline constexpr uint32_t kEnableEvents = 0x90cd0101;  ///< EnableEvents
inline constexpr uint32_t kUpdateGet = 0x90cd0102;     ///< UpdateGet
inline constexpr uint32_t kFlushEvents = 0x90cd0104;   ///< no parameters
struct EnableEvents {
  uint8_t enable;
  uint8_t reserved[3];
  uint32_t flags;  ///< kKeepOldest: what comes while the ring is full is dropped, and counted
};
static_assert(sizeof(EnableEvents) == 8);
inline constexpr uint32_t kKeepOldest = 1;
struct UpdateGet {
  uint32_t record;
  uint32_t vardata;
};
static_assert(sizeof(UpdateGet) == 8);

// Outcomes, in the `status` fields.
inline constexpr uint32_t kOk = 0;
inline constexpr uint32_t kInsufficientPermissions = 0x1B;
inline constexpr uint32_t kInvalidArgument = 0x1F;
inline constexpr uint32_t kInvalidClass = 0x22;
inline constexpr uint32_t kInvalidObjectHandle = 0x33;
inline constexpr uint32_t kNotSupported = 0x56;
inline constexpr uint32_t kObjectNotFound = 0x57;

}  // namespace corun::rm
