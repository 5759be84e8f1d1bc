// NVML's C ABI, as far as corun uses it: constants, structures and the table of functions, in the
// same form as core/abi/cuda.h and for the same two users.
//
// Source of facts: NVIDIA NVML API reference, https://docs.nvidia.com/deploy/nvml-api/, as of the
// driver branch of CUDA 11.8 (R520). What is newer is optional.
#pragma once

#include <cstddef>
#include <cstdint>

namespace corun::nvml {

// X(identifier, value, meaning)
#define CORUN_NVML_CODES(X)                                                          \
  X(kSuccess, 0, "no error")                                                         \
  X(kUninitialized, 1, "NVML is not initialised")                                    \
  X(kInvalidArgument, 2, "invalid argument")                                         \
  X(kNotSupported, 3, "not supported on this device")                                \
  X(kNoPermission, 4, "no permission")                                               \
  X(kNotFound, 6, "not found")                                                       \
  X(kInsufficientSize, 7, "the buffer is too small")                                 \
  X(kDriverNotLoaded, 9, "the NVIDIA kernel driver is not loaded")                   \
  X(kTimeout, 10, "timed out")                                                       \
  X(kIrqIssue, 11, "the kernel driver sees an interrupt problem")                    \
  X(kLibraryNotFound, 12, "a shared library is missing")                             \
  X(kFunctionNotFound, 13, "the driver lacks this function")                         \
  X(kCorruptedInforom, 14, "the GPU's information ROM is corrupted")                 \
  X(kGpuIsLost, 15, "the GPU has fallen off the bus")                                \
  X(kResetRequired, 16, "the GPU needs a reset")                                     \
  X(kOperatingSystem, 17, "blocked by the operating system")                         \
  X(kLibRmVersionMismatch, 18, "kernel module and library have different versions")  \
  X(kInUse, 19, "the GPU is in use")                                                 \
  X(kMemory, 20, "not enough memory")                                                \
  X(kNoData, 21, "no data")                                                          \
  X(kInsufficientResources, 23, "not enough resources")                              \
  X(kArgumentVersionMismatch, 25, "the driver does not know this structure version") \
  X(kNotReady, 27, "not ready")                                                      \
  X(kGpuNotFound, 28, "no GPU found")                                                \
  X(kInvalidState, 29, "the operation is not valid in this state")                   \
  X(kUnknown, 999, "unknown error")

/// Outcome of an NVML call. Values outside the table occur: drivers are newer than it.
enum class Code : int {
#define CORUN_NVML_ENUMERATOR(identifier, value, meaning) identifier = (value),
  CORUN_NVML_CODES(CORUN_NVML_ENUMERATOR)
#undef CORUN_NVML_ENUMERATOR
};

using DeviceHandle = struct DeviceObject*;
using GpmSampleHandle = struct GpmSampleObject*;
using EventSetHandle = struct EventSetObject*;

// Buffer sizes that hold every answer.
inline constexpr unsigned kNameBytes = 96;
inline constexpr unsigned kUuidBytes = 96;
inline constexpr unsigned kVersionBytes = 80;

enum class ClockKind : unsigned { kGraphics = 0, kSm = 1, kMemory = 2, kVideo = 3 };
enum class TemperatureSensor : unsigned { kGpu = 0 };
enum class ComputeMode : unsigned { kDefault = 0, kProhibited = 2, kExclusiveProcess = 3 };
enum class Feature : unsigned { kDisabled = 0, kEnabled = 1 };
inline constexpr unsigned kMigDisabled = 0;
inline constexpr unsigned kMigEnabled = 1;
enum class EccCounter : unsigned { kVolatile = 0, kAggregate = 1 };
enum class MemoryError : unsigned { kCorrected = 0, kUncorrected = 1 };
enum class PerformancePolicy : unsigned { kPower = 0, kThermal = 1, kSyncBoost = 2 };

// Bits of the clocks-event (formerly throttle) reasons.
inline constexpr uint64_t kClocksGpuIdle = 0x1;
inline constexpr uint64_t kClocksApplicationSetting = 0x2;
inline constexpr uint64_t kClocksSoftwarePowerCap = 0x4;
inline constexpr uint64_t kClocksHardwareSlowdown = 0x8;
inline constexpr uint64_t kClocksSyncBoost = 0x10;
inline constexpr uint64_t kClocksSoftwareThermal = 0x20;
inline constexpr uint64_t kClocksHardwareThermal = 0x40;
inline constexpr uint64_t kClocksHardwarePowerBrake = 0x80;
inline constexpr uint64_t kClocksDisplaySetting = 0x100;

// Bits of the event kinds.
inline constexpr uint64_t kEventSingleBitEcc = 0x1;
inline constexpr uint64_t kEventDoubleBitEcc = 0x2;
inline constexpr uint64_t kEventXid = 0x8;

/// Bytes of device memory; `used` includes what the driver reserves for itself.
struct Memory {
  uint64_t total;
  uint64_t free;
  uint64_t used;
};
static_assert(sizeof(Memory) == 24);

/// The same with the driver's reserve apart. Set `version` to kMemoryV2 before the call.
struct MemoryV2 {
  unsigned version;
  uint64_t total;
  uint64_t reserved;
  uint64_t free;
  uint64_t used;
};
static_assert(sizeof(MemoryV2) == 40);
inline constexpr unsigned kMemoryV2 = sizeof(MemoryV2) | (2U << 24);

/// Percentages of the last sampling period (1/6 s to 1 s, by product): time with a kernel resident,
/// time with device memory being read or written.
struct Utilization {
  unsigned gpu;
  unsigned memory;
};
static_assert(sizeof(Utilization) == 8);

struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned device_and_vendor;
  unsigned subsystem;
  char bus_id[32];  ///< "00000000:1B:00.0"
};
static_assert(sizeof(PciInfo) == 68);

/// One process of a running-processes list (the structure of the v2 and v3 calls).
struct ProcessInfo {
  unsigned pid;
  uint64_t used_memory;  ///< bytes; kMemoryNotAvailable where the driver cannot tell
  unsigned gpu_instance;
  unsigned compute_instance;
};
static_assert(sizeof(ProcessInfo) == 24);
inline constexpr uint64_t kMemoryNotAvailable = ~uint64_t{0};

/// Utilisation of one process in percent; `time_us` is CPU time since the epoch, microseconds.
struct ProcessUtilization {
  unsigned pid;
  uint64_t time_us;
  unsigned sm;
  unsigned memory;
  unsigned encoder;
  unsigned decoder;
};
static_assert(sizeof(ProcessUtilization) == 32);

// GPM: profiling counters as differences of two samples (Hopper and newer).
inline constexpr unsigned kGpmVersion = 1;
inline constexpr unsigned kGpmMetricCapacity = 333;
enum class GpmMetricId : unsigned {
  kGraphicsUtil = 1,  ///< percent of time with the graphics/compute engine busy
  kSmUtil = 2,        ///< percent of SM-cycles with a warp resident
  kSmOccupancy = 3,   ///< percent of warp slots in use
  kTensorUtil = 5,    ///< percent of cycles with any tensor pipe busy
  kDramUtil = 10,     ///< percent of peak DRAM bandwidth
  kFp64Util = 11,
  kFp32Util = 12,
  kFp16Util = 13,
  kPcieTxMibPerSecond = 20,
  kPcieRxMibPerSecond = 21,
};

struct GpmMetric {
  GpmMetricId id;
  Code code;  ///< of this metric
  double value;
  const char* short_name;
  const char* long_name;
  const char* unit;
};
static_assert(sizeof(GpmMetric) == 40);

/// Set version = kGpmVersion, count, both samples and the metrics' ids.
struct GpmMetricsGet {
  unsigned version;
  unsigned count;
  GpmSampleHandle first;
  GpmSampleHandle second;
  GpmMetric metrics[kGpmMetricCapacity];  ///< the driver reads the first `count`
};
static_assert(offsetof(GpmMetricsGet, metrics) == 24);

struct GpmSupport {
  unsigned version;  ///< kGpmVersion
  unsigned supported;
};
static_assert(sizeof(GpmSupport) == 8);

struct EventData {
  DeviceHandle device;
  uint64_t kind;  ///< one kEvent... bit
  uint64_t data;  ///< the XID's number
  unsigned gpu_instance;
  unsigned compute_instance;
};
static_assert(sizeof(EventData) == 32);

/// Time a policy has held the clocks down.
struct ViolationTime {
  uint64_t reference_us;
  uint64_t violation_ns;
};
static_assert(sizeof(ViolationTime) == 16);

// X(name, exported symbol, need, parameters). All return Code, except nvmlErrorString.
#define CORUN_NVML_SYSTEM_FUNCTIONS(X)                                                            \
  X(nvmlInit, nvmlInit_v2, kRequired, ())                                                         \
  X(nvmlShutdown, nvmlShutdown, kRequired, ())                                                    \
  X(nvmlSystemGetDriverVersion, nvmlSystemGetDriverVersion, kRequired,                            \
    (char* version, unsigned length))                                                             \
  X(nvmlSystemGetCudaDriverVersion, nvmlSystemGetCudaDriverVersion_v2, kRequired, (int* version)) \
  X(nvmlDeviceGetCount, nvmlDeviceGetCount_v2, kRequired, (unsigned* count))                      \
  X(nvmlDeviceGetHandleByIndex, nvmlDeviceGetHandleByIndex_v2, kRequired,                         \
    (unsigned index, DeviceHandle* device))                                                       \
  X(nvmlDeviceGetHandleByUUID, nvmlDeviceGetHandleByUUID, kRequired,                              \
    (const char* uuid, DeviceHandle* device))                                                     \
  X(nvmlDeviceGetIndex, nvmlDeviceGetIndex, kOptional, (DeviceHandle device, unsigned* index))    \
  X(nvmlDeviceGetMinorNumber, nvmlDeviceGetMinorNumber, kOptional,                                \
    (DeviceHandle device, unsigned* minor))                                                       \
  X(nvmlDeviceGetName, nvmlDeviceGetName, kRequired,                                              \
    (DeviceHandle device, char* name, unsigned length))                                           \
  X(nvmlDeviceGetUUID, nvmlDeviceGetUUID, kRequired,                                              \
    (DeviceHandle device, char* uuid, unsigned length))                                           \
  X(nvmlDeviceGetPciInfo, nvmlDeviceGetPciInfo_v3, kRequired,                                     \
    (DeviceHandle device, PciInfo * info))                                                        \
  X(nvmlDeviceGetCudaComputeCapability, nvmlDeviceGetCudaComputeCapability, kOptional,            \
    (DeviceHandle device, int* major, int* minor))

#define CORUN_NVML_READING_FUNCTIONS(X)                                                   \
  X(nvmlDeviceGetMemoryInfo, nvmlDeviceGetMemoryInfo, kRequired,                          \
    (DeviceHandle device, Memory * memory))                                               \
  X(nvmlDeviceGetMemoryInfo_v2, nvmlDeviceGetMemoryInfo_v2, kOptional,                    \
    (DeviceHandle device, MemoryV2 * memory))                                             \
  X(nvmlDeviceGetUtilizationRates, nvmlDeviceGetUtilizationRates, kRequired,              \
    (DeviceHandle device, Utilization * utilization))                                     \
  X(nvmlDeviceGetPowerUsage, nvmlDeviceGetPowerUsage, kOptional,                          \
    (DeviceHandle device, unsigned* milliwatts))                                          \
  X(nvmlDeviceGetEnforcedPowerLimit, nvmlDeviceGetEnforcedPowerLimit, kOptional,          \
    (DeviceHandle device, unsigned* milliwatts))                                          \
  X(nvmlDeviceGetTotalEnergyConsumption, nvmlDeviceGetTotalEnergyConsumption, kOptional,  \
    (DeviceHandle device, uint64_t * millijoules))                                        \
  X(nvmlDeviceGetClockInfo, nvmlDeviceGetClockInfo, kOptional,                            \
    (DeviceHandle device, ClockKind kind, unsigned* mhz))                                 \
  X(nvmlDeviceGetMaxClockInfo, nvmlDeviceGetMaxClockInfo, kOptional,                      \
    (DeviceHandle device, ClockKind kind, unsigned* mhz))                                 \
  X(nvmlDeviceGetApplicationsClock, nvmlDeviceGetApplicationsClock, kOptional,            \
    (DeviceHandle device, ClockKind kind, unsigned* mhz))                                 \
  X(nvmlDeviceGetTemperature, nvmlDeviceGetTemperature, kOptional,                        \
    (DeviceHandle device, TemperatureSensor sensor, unsigned* celsius))                   \
  X(nvmlDeviceGetCurrentClocksThrottleReasons, nvmlDeviceGetCurrentClocksThrottleReasons, \
    kOptional, (DeviceHandle device, uint64_t * reasons))                                 \
  X(nvmlDeviceGetPerformanceState, nvmlDeviceGetPerformanceState, kOptional,              \
    (DeviceHandle device, unsigned* state))                                               \
  X(nvmlDeviceGetViolationStatus, nvmlDeviceGetViolationStatus, kOptional,                \
    (DeviceHandle device, PerformancePolicy policy, ViolationTime * time))                \
  X(nvmlDeviceGetTotalEccErrors, nvmlDeviceGetTotalEccErrors, kOptional,                  \
    (DeviceHandle device, MemoryError error, EccCounter counter, uint64_t * count))

#define CORUN_NVML_STATE_FUNCTIONS(X)                                          \
  X(nvmlDeviceGetComputeMode, nvmlDeviceGetComputeMode, kOptional,             \
    (DeviceHandle device, ComputeMode * mode))                                 \
  X(nvmlDeviceGetMigMode, nvmlDeviceGetMigMode, kOptional,                     \
    (DeviceHandle device, unsigned* current, unsigned* pending))               \
  X(nvmlDeviceGetMaxMigDeviceCount, nvmlDeviceGetMaxMigDeviceCount, kOptional, \
    (DeviceHandle device, unsigned* count))                                    \
  X(nvmlDeviceGetPersistenceMode, nvmlDeviceGetPersistenceMode, kOptional,     \
    (DeviceHandle device, Feature * mode))                                     \
  X(nvmlDeviceGetEccMode, nvmlDeviceGetEccMode, kOptional,                     \
    (DeviceHandle device, Feature * current, Feature * pending))

#define CORUN_NVML_PROCESS_FUNCTIONS(X)                                                       \
  X(nvmlDeviceGetComputeRunningProcesses, nvmlDeviceGetComputeRunningProcesses_v3, kOptional, \
    (DeviceHandle device, unsigned* count, ProcessInfo* processes))                           \
  X(nvmlDeviceGetMPSComputeRunningProcesses, nvmlDeviceGetMPSComputeRunningProcesses_v3,      \
    kOptional, (DeviceHandle device, unsigned* count, ProcessInfo* processes))                \
  X(nvmlDeviceGetProcessUtilization, nvmlDeviceGetProcessUtilization, kOptional,              \
    (DeviceHandle device, ProcessUtilization * samples, unsigned* count, uint64_t last_seen_us))

#define CORUN_NVML_GPM_FUNCTIONS(X)                                                               \
  X(nvmlGpmQueryDeviceSupport, nvmlGpmQueryDeviceSupport, kOptional,                              \
    (DeviceHandle device, GpmSupport * support))                                                  \
  X(nvmlGpmSampleAlloc, nvmlGpmSampleAlloc, kOptional, (GpmSampleHandle * sample))                \
  X(nvmlGpmSampleFree, nvmlGpmSampleFree, kOptional, (GpmSampleHandle sample))                    \
  X(nvmlGpmSampleGet, nvmlGpmSampleGet, kOptional, (DeviceHandle device, GpmSampleHandle sample)) \
  X(nvmlGpmMetricsGet, nvmlGpmMetricsGet, kOptional, (GpmMetricsGet * metrics))

#define CORUN_NVML_EVENT_FUNCTIONS(X)                                              \
  X(nvmlDeviceGetSupportedEventTypes, nvmlDeviceGetSupportedEventTypes, kOptional, \
    (DeviceHandle device, uint64_t * kinds))                                       \
  X(nvmlDeviceRegisterEvents, nvmlDeviceRegisterEvents, kOptional,                 \
    (DeviceHandle device, uint64_t kinds, EventSetHandle set))                     \
  X(nvmlEventSetCreate, nvmlEventSetCreate, kOptional, (EventSetHandle * set))     \
  X(nvmlEventSetWait, nvmlEventSetWait_v2, kOptional,                              \
    (EventSetHandle set, EventData * data, unsigned timeout_ms))                   \
  X(nvmlEventSetFree, nvmlEventSetFree, kOptional, (EventSetHandle set))

/// Where a GPU instance lies: memory slots.
struct GpuInstancePlacement {
  unsigned start;
  unsigned size;
};
struct GpuInstanceInfo {
  DeviceHandle device;
  unsigned id;
  unsigned profile;
  GpuInstancePlacement placement;
};
static_assert(sizeof(GpuInstanceInfo) == 24);
using GpuInstanceHandle = struct GpuInstanceObject*;

// Of GPUs in MIG mode; apart from the other tables, as only drivers of such GPUs need them.
#define CORUN_NVML_MIG_FUNCTIONS(X)                                                      \
  X(nvmlDeviceGetMigDeviceHandleByIndex, nvmlDeviceGetMigDeviceHandleByIndex, kOptional, \
    (DeviceHandle device, unsigned index, DeviceHandle* instance))                       \
  X(nvmlDeviceGetGpuInstanceId, nvmlDeviceGetGpuInstanceId, kOptional,                   \
    (DeviceHandle instance, unsigned* id))                                               \
  X(nvmlDeviceGetComputeInstanceId, nvmlDeviceGetComputeInstanceId, kOptional,           \
    (DeviceHandle instance, unsigned* id))                                               \
  X(nvmlDeviceGetGpuInstanceById, nvmlDeviceGetGpuInstanceById, kOptional,               \
    (DeviceHandle device, unsigned id, GpuInstanceHandle* instance))                     \
  X(nvmlGpuInstanceGetInfo, nvmlGpuInstanceGetInfo, kOptional,                           \
    (GpuInstanceHandle instance, GpuInstanceInfo * info))

#define CORUN_NVML_FUNCTIONS(X)   \
  CORUN_NVML_SYSTEM_FUNCTIONS(X)  \
  CORUN_NVML_READING_FUNCTIONS(X) \
  CORUN_NVML_STATE_FUNCTIONS(X)   \
  CORUN_NVML_PROCESS_FUNCTIONS(X) \
  CORUN_NVML_GPM_FUNCTIONS(X)     \
  CORUN_NVML_EVENT_FUNCTIONS(X)

/// const char* nvmlErrorString(Code): the one function that returns no code.
using ErrorStringFunction = const char*(Code code);

enum class Need { kRequired, kOptional };

/// One typed pointer per function of the tables; null where the driver lacks it.
struct Functions {
  // NOLINTBEGIN(bugprone-macro-parentheses): names and parameter lists of a declaration
#define CORUN_NVML_POINTER(name, symbol, need, parameters) Code(*name) parameters = nullptr;
  CORUN_NVML_FUNCTIONS(CORUN_NVML_POINTER)
  CORUN_NVML_MIG_FUNCTIONS(CORUN_NVML_POINTER)
#undef CORUN_NVML_POINTER
  // NOLINTEND(bugprone-macro-parentheses)
  const char* (*nvmlErrorString)(Code code) = nullptr;
};

}  // namespace corun::nvml
