// The CUDA driver's C ABI, as far as corun uses it: constants, structures and the table of
// functions. It is the only place where they are declared: gpu/ makes its typed function pointers
// from the tables, and the simulated driver checks its exported functions against them, so the two
// cannot disagree. No CUDA toolkit is needed to build or to run.
//
// Source of facts: NVIDIA CUDA Driver API reference, https://docs.nvidia.com/cuda/cuda-driver-api/,
// as of CUDA 11.8. Newer drivers keep exporting these versions of the symbols.
#pragma once

#include <cstddef>
#include <cstdint>

namespace corun::cuda {

/// Version of the driver ABI in these tables, as cuDriverGetVersion counts it.
inline constexpr int kAbiVersion = 11080;

// X(identifier, value, symbolic name, meaning)
#define CORUN_CUDA_CODES(X)                                                                      \
  X(kSuccess, 0, "CUDA_SUCCESS", "no error")                                                     \
  X(kInvalidValue, 1, "CUDA_ERROR_INVALID_VALUE", "invalid argument")                            \
  X(kOutOfMemory, 2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory")                                \
  X(kNotInitialized, 3, "CUDA_ERROR_NOT_INITIALIZED", "the driver is not initialised")           \
  X(kDeinitialized, 4, "CUDA_ERROR_DEINITIALIZED", "the driver is shutting down")                \
  X(kStubLibrary, 34, "CUDA_ERROR_STUB_LIBRARY", "the driver library is a stub")                 \
  X(kDeviceUnavailable, 46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "the device is busy or closed")     \
  X(kNoDevice, 100, "CUDA_ERROR_NO_DEVICE", "no CUDA device found")                              \
  X(kInvalidDevice, 101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal")                  \
  X(kInvalidImage, 200, "CUDA_ERROR_INVALID_IMAGE", "invalid module image")                      \
  X(kInvalidContext, 201, "CUDA_ERROR_INVALID_CONTEXT", "no valid context is current")           \
  X(kNoBinaryForGpu, 209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no code for this GPU in the module")  \
  X(kEccUncorrectable, 214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable memory error")        \
  X(kUnsupportedLimit, 215, "CUDA_ERROR_UNSUPPORTED_LIMIT", "limit not supported")               \
  X(kInvalidPtx, 218, "CUDA_ERROR_INVALID_PTX", "PTX compilation failed")                        \
  X(kNvlinkUncorrectable, 220, "CUDA_ERROR_NVLINK_UNCORRECTABLE", "uncorrectable NVLink error")  \
  X(kUnsupportedPtxVersion, 222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",                           \
    "the PTX is newer than the driver")                                                          \
  X(kInvalidSource, 300, "CUDA_ERROR_INVALID_SOURCE", "invalid kernel source")                   \
  X(kFileNotFound, 301, "CUDA_ERROR_FILE_NOT_FOUND", "file not found")                           \
  X(kOperatingSystem, 304, "CUDA_ERROR_OPERATING_SYSTEM", "an operating system call failed")     \
  X(kInvalidHandle, 400, "CUDA_ERROR_INVALID_HANDLE", "invalid handle")                          \
  X(kIllegalState, 401, "CUDA_ERROR_ILLEGAL_STATE", "the object is in the wrong state")          \
  X(kNotFound, 500, "CUDA_ERROR_NOT_FOUND", "symbol not found")                                  \
  X(kNotReady, 600, "CUDA_ERROR_NOT_READY", "not finished yet")                                  \
  X(kIllegalAddress, 700, "CUDA_ERROR_ILLEGAL_ADDRESS", "illegal memory access")                 \
  X(kLaunchOutOfResources, 701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",                            \
    "the launch asks for too many resources")                                                    \
  X(kLaunchTimeout, 702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the kernel ran too long")                 \
  X(kPrimaryContextActive, 708, "CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE",                             \
    "the primary context is already active")                                                     \
  X(kContextIsDestroyed, 709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "the context is destroyed")     \
  X(kHostMemoryAlreadyRegistered, 712, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",              \
    "the host memory is already registered")                                                     \
  X(kHostMemoryNotRegistered, 713, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",                      \
    "the host memory is not registered")                                                         \
  X(kLaunchFailed, 719, "CUDA_ERROR_LAUNCH_FAILED", "a kernel failed")                           \
  X(kCooperativeLaunchTooLarge, 720, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE",                  \
    "the cooperative launch does not fit on the device")                                         \
  X(kNotPermitted, 800, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted")                   \
  X(kNotSupported, 801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported")                   \
  X(kSystemNotReady, 802, "CUDA_ERROR_SYSTEM_NOT_READY", "the system's GPU fabric is not ready") \
  X(kSystemDriverMismatch, 803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",                             \
    "kernel module and driver library have different versions")                                  \
  X(kMpsConnectionFailed, 805, "CUDA_ERROR_MPS_CONNECTION_FAILED",                               \
    "cannot connect to the MPS control daemon")                                                  \
  X(kMpsRpcFailure, 806, "CUDA_ERROR_MPS_RPC_FAILURE", "the MPS server does not answer")         \
  X(kMpsServerNotReady, 807, "CUDA_ERROR_MPS_SERVER_NOT_READY",                                  \
    "the MPS server takes no new clients")                                                       \
  X(kMpsMaxClientsReached, 808, "CUDA_ERROR_MPS_MAX_CLIENTS_REACHED",                            \
    "the MPS server has its maximum of clients")                                                 \
  X(kMpsMaxConnectionsReached, 809, "CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED",                    \
    "the MPS server has no free device connection")                                              \
  X(kMpsClientTerminated, 810, "CUDA_ERROR_MPS_CLIENT_TERMINATED",                               \
    "the MPS server ended this client")                                                          \
  X(kStreamCaptureUnsupported, 900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",                     \
    "not allowed while the stream is captured")                                                  \
  X(kStreamCaptureInvalidated, 901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",                     \
    "the capture was invalidated by an earlier error")                                           \
  X(kStreamCaptureWrongThread, 908, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",                    \
    "the capture was begun by another thread")                                                   \
  X(kTimeout, 909, "CUDA_ERROR_TIMEOUT", "timed out")                                            \
  X(kGraphExecUpdateFailure, 910, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE",                        \
    "the executable graph cannot take over this graph")                                          \
  X(kUnknown, 999, "CUDA_ERROR_UNKNOWN", "unknown error")

/// Outcome of a driver call. Values outside the table occur: drivers are newer than it.
enum class Code : int {
#define CORUN_CUDA_ENUMERATOR(identifier, value, name, meaning) identifier = (value),
  CORUN_CUDA_CODES(CORUN_CUDA_ENUMERATOR)
#undef CORUN_CUDA_ENUMERATOR
};

// Handles are pointers to objects of the driver; device memory is a 64-bit address.
using Device = int;
using DevicePtr = uint64_t;
using ContextHandle = struct ContextObject*;
using ModuleHandle = struct ModuleObject*;
using FunctionHandle = struct FunctionObject*;
using StreamHandle = struct StreamObject*;
using EventHandle = struct EventObject*;
using GraphHandle = struct GraphObject*;
using GraphExecHandle = struct GraphExecObject*;
using GraphNodeHandle = struct GraphNodeObject*;
using MemoryPoolHandle = struct MemoryPoolObject*;
using HostFunction = void (*)(void* user_data);

struct Uuid {
  unsigned char bytes[16];
};

enum class DeviceAttribute : int {
  kMaxThreadsPerBlock = 1,
  kMaxBlockDimX = 2,
  kMaxBlockDimY = 3,
  kMaxBlockDimZ = 4,
  kMaxGridDimX = 5,
  kMaxGridDimY = 6,
  kMaxGridDimZ = 7,
  kMaxSharedMemoryPerBlock = 8,
  kTotalConstantMemory = 9,
  kWarpSize = 10,
  kMaxRegistersPerBlock = 12,
  kClockRateKhz = 13,
  kGpuOverlap = 15,
  kMultiprocessorCount = 16,
  kKernelExecTimeout = 17,
  kIntegrated = 18,
  kCanMapHostMemory = 19,
  kComputeMode = 20,
  kConcurrentKernels = 31,
  kEccEnabled = 32,
  kPciBusId = 33,
  kPciDeviceId = 34,
  kMemoryClockRateKhz = 36,
  kGlobalMemoryBusWidthBits = 37,
  kL2CacheBytes = 38,
  kMaxThreadsPerMultiprocessor = 39,
  kAsyncEngineCount = 40,
  kUnifiedAddressing = 41,
  kPciDomainId = 50,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
  kStreamPrioritiesSupported = 78,
  kMaxSharedMemoryPerMultiprocessor = 81,
  kMaxRegistersPerMultiprocessor = 82,
  kManagedMemory = 83,
  kComputePreemptionSupported = 90,
  kCanUseStreamMemOpsV1 = 92,
  kCooperativeLaunch = 95,
  kMaxSharedMemoryPerBlockOptin = 97,
  kVirtualMemoryManagementSupported = 102,
  kMaxBlocksPerMultiprocessor = 106,
  kReadOnlyHostRegisterSupported = 113,
  kMemoryPoolsSupported = 115,
  kCanUse64BitStreamMemOps = 122,
  kCanUseStreamWaitValueNor = 123,
};

enum class FunctionAttribute : int {
  kMaxThreadsPerBlock = 0,
  kSharedBytes = 1,
  kConstBytes = 2,
  kLocalBytes = 3,
  kRegisters = 4,
  kPtxVersion = 5,
  kBinaryVersion = 6,
  kMaxDynamicSharedBytes = 8,
};

enum class ComputeMode : int { kDefault = 0, kProhibited = 2, kExclusiveProcess = 3 };

enum class CaptureMode : int { kGlobal = 0, kThreadLocal = 1, kRelaxed = 2 };

enum class CaptureStatus : int { kNone = 0, kActive = 1, kInvalidated = 2 };

enum class JitOption : int {
  kInfoLogBuffer = 3,
  kInfoLogBufferBytes = 4,
  kErrorLogBuffer = 5,
  kErrorLogBufferBytes = 6,
};

// Flags of cuCtxCreate and cuDevicePrimaryCtxSetFlags: how the host waits for the GPU.
inline constexpr unsigned kContextScheduleAuto = 0;
inline constexpr unsigned kContextScheduleSpin = 1;
inline constexpr unsigned kContextScheduleYield = 2;
inline constexpr unsigned kContextScheduleBlockingSync = 4;
inline constexpr unsigned kContextMapHost = 8;
// Flags of cuStreamCreate, cuEventCreate, cuEventRecord.
inline constexpr unsigned kStreamDefault = 0;
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDefault = 0;
inline constexpr unsigned kEventBlockingSync = 1;
inline constexpr unsigned kEventDisableTiming = 2;
// Flags of cuMemHostAlloc and cuMemHostRegister.
inline constexpr unsigned kHostAllocPortable = 1;
inline constexpr unsigned kHostAllocDeviceMap = 2;
inline constexpr unsigned kHostAllocWriteCombined = 4;
inline constexpr unsigned kHostRegisterIoMemory = 4;
inline constexpr unsigned kHostRegisterReadOnly = 8;
// Flags of cuStreamWaitValue32 and cuStreamWriteValue32.
inline constexpr unsigned kWaitValueGreaterOrEqual = 0;
inline constexpr unsigned kWaitValueEqual = 1;
inline constexpr unsigned kWaitValueAnd = 2;
inline constexpr unsigned kWaitValueNor = 3;
inline constexpr unsigned kWaitValueFlush = 1U << 30;
inline constexpr unsigned kWriteValueDefault = 0;
inline constexpr unsigned kWriteValueNoMemoryBarrier = 1;
// Flags of cuGetProcAddress.
inline constexpr uint64_t kProcAddressDefault = 0;

/// cuLaunchKernelEx: where and how large. Attributes are not used by corun: pass none.
struct LaunchConfig {
  unsigned grid_x, grid_y, grid_z;
  unsigned block_x, block_y, block_z;
  unsigned dynamic_shared_bytes;
  StreamHandle stream;
  void* attributes;  ///< CUlaunchAttribute[attribute_count]
  unsigned attribute_count;
};
static_assert(sizeof(LaunchConfig) == 56 && offsetof(LaunchConfig, stream) == 32);

// States of a process as the checkpoint calls tell them (12.8).
enum class ProcessState : int { kRunning = 0, kLocked = 1, kCheckpointed = 2, kFailed = 3 };

/// cuCheckpointProcessLock: how long to wait for the process's work to drain (0: for ever).
struct CheckpointLockArgs {
  unsigned timeout_ms;
  unsigned reserved0;
  uint64_t reserved1[7];
};
static_assert(sizeof(CheckpointLockArgs) == 64);
/// cuCheckpointProcessCheckpoint, -Restore and -Unlock: all zero (in a restore the first words may
/// name other GPUs to restore to, from 13.0 on).
struct CheckpointArgs {
  uint64_t reserved[8];
};
static_assert(sizeof(CheckpointArgs) == 64);

// X(name, exported symbol, need, parameters). All return Code. `need` is kRequired (a driver
// without it is not usable; all are exported by drivers from 11.8 on) or kOptional (null when the
// driver lacks it).
#define CORUN_CUDA_INIT_FUNCTIONS(X)                                                            \
  X(cuInit, cuInit, kRequired, (unsigned flags))                                                \
  X(cuDriverGetVersion, cuDriverGetVersion, kRequired, (int* version))                          \
  X(cuGetErrorName, cuGetErrorName, kRequired, (Code code, const char** name))                  \
  X(cuGetErrorString, cuGetErrorString, kRequired, (Code code, const char** text))              \
  X(cuGetProcAddress, cuGetProcAddress, kOptional,                                              \
    (const char* name, void** function, int cuda_version, uint64_t flags))                      \
  X(cuDeviceGetCount, cuDeviceGetCount, kRequired, (int* count))                                \
  X(cuDeviceGet, cuDeviceGet, kRequired, (Device * device, int ordinal))                        \
  X(cuDeviceGetName, cuDeviceGetName, kRequired, (char* name, int length, Device device))       \
  X(cuDeviceGetUuid, cuDeviceGetUuid, kRequired, (Uuid * uuid, Device device))                  \
  X(cuDeviceGetAttribute, cuDeviceGetAttribute, kRequired,                                      \
    (int* value, DeviceAttribute attribute, Device device))                                     \
  X(cuDeviceTotalMem, cuDeviceTotalMem_v2, kRequired, (size_t * bytes, Device device))          \
  X(cuDeviceGetPCIBusId, cuDeviceGetPCIBusId, kRequired, (char* id, int length, Device device)) \
  X(cuDeviceGetByPCIBusId, cuDeviceGetByPCIBusId, kOptional, (Device * device, const char* id)) \
  X(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, kRequired,                              \
    (ContextHandle * context, Device device))                                                   \
  X(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2, kRequired, (Device device))        \
  X(cuDevicePrimaryCtxSetFlags, cuDevicePrimaryCtxSetFlags_v2, kRequired,                       \
    (Device device, unsigned flags))                                                            \
  X(cuDevicePrimaryCtxGetState, cuDevicePrimaryCtxGetState, kRequired,                          \
    (Device device, unsigned* flags, int* active))                                              \
  X(cuCtxCreate, cuCtxCreate_v2, kRequired,                                                     \
    (ContextHandle * context, unsigned flags, Device device))                                   \
  X(cuCtxDestroy, cuCtxDestroy_v2, kRequired, (ContextHandle context))                          \
  X(cuCtxPushCurrent, cuCtxPushCurrent_v2, kRequired, (ContextHandle context))                  \
  X(cuCtxPopCurrent, cuCtxPopCurrent_v2, kRequired, (ContextHandle * context))                  \
  X(cuCtxSetCurrent, cuCtxSetCurrent, kRequired, (ContextHandle context))                       \
  X(cuCtxGetCurrent, cuCtxGetCurrent, kRequired, (ContextHandle * context))                     \
  X(cuCtxGetDevice, cuCtxGetDevice, kRequired, (Device * device))                               \
  X(cuCtxSynchronize, cuCtxSynchronize, kRequired, ())                                          \
  X(cuCtxGetStreamPriorityRange, cuCtxGetStreamPriorityRange, kRequired,                        \
    (int* least, int* greatest))

#define CORUN_CUDA_MODULE_FUNCTIONS(X)                                                             \
  X(cuModuleLoadData, cuModuleLoadData, kRequired, (ModuleHandle * module, const void* image))     \
  X(cuModuleLoadDataEx, cuModuleLoadDataEx, kRequired,                                             \
    (ModuleHandle * module, const void* image, unsigned option_count, JitOption* options,          \
     void** values))                                                                               \
  X(cuModuleUnload, cuModuleUnload, kRequired, (ModuleHandle module))                              \
  X(cuModuleGetFunction, cuModuleGetFunction, kRequired,                                           \
    (FunctionHandle * function, ModuleHandle module, const char* name))                            \
  X(cuModuleGetGlobal, cuModuleGetGlobal_v2, kRequired,                                            \
    (DevicePtr * address, size_t * bytes, ModuleHandle module, const char* name))                  \
  X(cuFuncGetAttribute, cuFuncGetAttribute, kRequired,                                             \
    (int* value, FunctionAttribute attribute, FunctionHandle function))                            \
  X(cuFuncSetAttribute, cuFuncSetAttribute, kRequired,                                             \
    (FunctionHandle function, FunctionAttribute attribute, int value))                             \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor, cuOccupancyMaxActiveBlocksPerMultiprocessor,      \
    kRequired, (int* blocks, FunctionHandle function, int block_size, size_t dynamic_shared))      \
  X(cuLaunchKernel, cuLaunchKernel, kRequired,                                                     \
    (FunctionHandle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, \
     unsigned block_y, unsigned block_z, unsigned dynamic_shared_bytes, StreamHandle stream,       \
     void** parameters, void** extra))                                                             \
  X(cuLaunchKernelEx, cuLaunchKernelEx, kOptional,                                                 \
    (const LaunchConfig* config, FunctionHandle function, void** parameters, void** extra))        \
  X(cuLaunchHostFunc, cuLaunchHostFunc, kRequired,                                                 \
    (StreamHandle stream, HostFunction function, void* user_data))

#define CORUN_CUDA_MEMORY_FUNCTIONS(X)                                                        \
  X(cuMemGetInfo, cuMemGetInfo_v2, kRequired, (size_t * free_bytes, size_t * total_bytes))    \
  X(cuMemAlloc, cuMemAlloc_v2, kRequired, (DevicePtr * address, size_t bytes))                \
  X(cuMemFree, cuMemFree_v2, kRequired, (DevicePtr address))                                  \
  X(cuMemAllocAsync, cuMemAllocAsync, kOptional,                                              \
    (DevicePtr * address, size_t bytes, StreamHandle stream))                                 \
  X(cuMemFreeAsync, cuMemFreeAsync, kOptional, (DevicePtr address, StreamHandle stream))      \
  X(cuMemHostAlloc, cuMemHostAlloc, kRequired, (void** memory, size_t bytes, unsigned flags)) \
  X(cuMemFreeHost, cuMemFreeHost, kRequired, (void* memory))                                  \
  X(cuMemHostRegister, cuMemHostRegister_v2, kRequired,                                       \
    (void* memory, size_t bytes, unsigned flags))                                             \
  X(cuMemHostUnregister, cuMemHostUnregister, kRequired, (void* memory))                      \
  X(cuMemHostGetDevicePointer, cuMemHostGetDevicePointer_v2, kRequired,                       \
    (DevicePtr * address, void* memory, unsigned flags))                                      \
  X(cuMemcpyHtoD, cuMemcpyHtoD_v2, kRequired, (DevicePtr to, const void* from, size_t bytes)) \
  X(cuMemcpyDtoH, cuMemcpyDtoH_v2, kRequired, (void* to, DevicePtr from, size_t bytes))       \
  X(cuMemcpyDtoD, cuMemcpyDtoD_v2, kRequired, (DevicePtr to, DevicePtr from, size_t bytes))   \
  X(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2, kRequired,                                       \
    (DevicePtr to, const void* from, size_t bytes, StreamHandle stream))                      \
  X(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2, kRequired,                                       \
    (void* to, DevicePtr from, size_t bytes, StreamHandle stream))                            \
  X(cuMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2, kRequired,                                       \
    (DevicePtr to, DevicePtr from, size_t bytes, StreamHandle stream))                        \
  X(cuMemsetD8, cuMemsetD8_v2, kRequired, (DevicePtr to, unsigned char value, size_t count))  \
  X(cuMemsetD32, cuMemsetD32_v2, kRequired, (DevicePtr to, unsigned value, size_t count))     \
  X(cuMemsetD8Async, cuMemsetD8Async, kRequired,                                              \
    (DevicePtr to, unsigned char value, size_t count, StreamHandle stream))                   \
  X(cuMemsetD32Async, cuMemsetD32Async, kRequired,                                            \
    (DevicePtr to, unsigned value, size_t count, StreamHandle stream))

#define CORUN_CUDA_STREAM_FUNCTIONS(X)                                                  \
  X(cuStreamCreate, cuStreamCreate, kRequired, (StreamHandle * stream, unsigned flags)) \
  X(cuStreamCreateWithPriority, cuStreamCreateWithPriority, kRequired,                  \
    (StreamHandle * stream, unsigned flags, int priority))                              \
  X(cuStreamDestroy, cuStreamDestroy_v2, kRequired, (StreamHandle stream))              \
  X(cuStreamSynchronize, cuStreamSynchronize, kRequired, (StreamHandle stream))         \
  X(cuStreamQuery, cuStreamQuery, kRequired, (StreamHandle stream))                     \
  X(cuStreamWaitEvent, cuStreamWaitEvent, kRequired,                                    \
    (StreamHandle stream, EventHandle event, unsigned flags))                           \
  X(cuStreamWaitValue32, cuStreamWaitValue32_v2, kOptional,                             \
    (StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags))           \
  X(cuStreamWriteValue32, cuStreamWriteValue32_v2, kOptional,                           \
    (StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags))           \
  X(cuEventCreate, cuEventCreate, kRequired, (EventHandle * event, unsigned flags))     \
  X(cuEventDestroy, cuEventDestroy_v2, kRequired, (EventHandle event))                  \
  X(cuEventRecord, cuEventRecord, kRequired, (EventHandle event, StreamHandle stream))  \
  X(cuEventQuery, cuEventQuery, kRequired, (EventHandle event))                         \
  X(cuEventSynchronize, cuEventSynchronize, kRequired, (EventHandle event))             \
  X(cuEventElapsedTime, cuEventElapsedTime, kRequired,                                  \
    (float* milliseconds, EventHandle start, EventHandle end))

#define CORUN_CUDA_GRAPH_FUNCTIONS(X)                                                              \
  X(cuStreamBeginCapture, cuStreamBeginCapture_v2, kRequired,                                      \
    (StreamHandle stream, CaptureMode mode))                                                       \
  X(cuStreamEndCapture, cuStreamEndCapture, kRequired, (StreamHandle stream, GraphHandle * graph)) \
  X(cuStreamIsCapturing, cuStreamIsCapturing, kRequired,                                           \
    (StreamHandle stream, CaptureStatus * status))                                                 \
  X(cuGraphInstantiate, cuGraphInstantiateWithFlags, kRequired,                                    \
    (GraphExecHandle * exec, GraphHandle graph, unsigned long long flags))                         \
  X(cuGraphUpload, cuGraphUpload, kOptional, (GraphExecHandle exec, StreamHandle stream))          \
  X(cuGraphLaunch, cuGraphLaunch, kRequired, (GraphExecHandle exec, StreamHandle stream))          \
  X(cuGraphExecDestroy, cuGraphExecDestroy, kRequired, (GraphExecHandle exec))                     \
  X(cuGraphDestroy, cuGraphDestroy, kRequired, (GraphHandle graph))                                \
  X(cuGraphGetNodes, cuGraphGetNodes, kRequired,                                                   \
    (GraphHandle graph, GraphNodeHandle * nodes, size_t * count))

/// Every function with an exported symbol that dlsym finds in drivers from 11.8 on.
#define CORUN_CUDA_FUNCTIONS(X)  \
  CORUN_CUDA_INIT_FUNCTIONS(X)   \
  CORUN_CUDA_MODULE_FUNCTIONS(X) \
  CORUN_CUDA_MEMORY_FUNCTIONS(X) \
  CORUN_CUDA_STREAM_FUNCTIONS(X) \
  CORUN_CUDA_GRAPH_FUNCTIONS(X)

/// Functions newer than 11.8: X(name, CUDA version that brought this signature, parameters).
/// They are asked of cuGetProcAddress with that version, and null where the driver is older.
#define CORUN_CUDA_LATER_FUNCTIONS(X)                                      \
  X(cuCheckpointProcessGetState, 12080, (int pid, ProcessState* state))    \
  X(cuCheckpointProcessLock, 12080, (int pid, CheckpointLockArgs* args))   \
  X(cuCheckpointProcessCheckpoint, 12080, (int pid, CheckpointArgs* args)) \
  X(cuCheckpointProcessRestore, 12080, (int pid, CheckpointArgs* args))    \
  X(cuCheckpointProcessUnlock, 12080, (int pid, CheckpointArgs* args))

enum class Need { kRequired, kOptional };

/// One typed pointer per function of the tables; null where the driver lacks it.
struct Functions {
  // NOLINTBEGIN(bugprone-macro-parentheses): names and parameter lists of a declaration
#define CORUN_CUDA_POINTER(name, symbol, need, parameters) Code(*name) parameters = nullptr;
  CORUN_CUDA_FUNCTIONS(CORUN_CUDA_POINTER)
#undef CORUN_CUDA_POINTER
#define CORUN_CUDA_POINTER(name, version, parameters) Code(*name) parameters = nullptr;
  CORUN_CUDA_LATER_FUNCTIONS(CORUN_CUDA_POINTER)
#undef CORUN_CUDA_POINTER
  // NOLINTEND(bugprone-macro-parentheses)
};

}  // namespace corun::cuda
