// The per-thread default stream: functions with the suffixes _ptsz and _ptds take a null stream for
// the calling thread's own. The list is that of cuda.h for the functions that are simulated.
#pragma once

#include "simgpu/driver/more_functions.h"

// X(name, exported symbol, parameters, arguments)
#define CORUN_SIM_PER_THREAD_FUNCTIONS(X)                                                          \
  X(cuMemcpy, cuMemcpy_ptds, (DevicePtr to, DevicePtr from, size_t bytes), (to, from, bytes))      \
  X(cuMemcpyHtoD, cuMemcpyHtoD_v2_ptds, (DevicePtr to, const void* from, size_t bytes),            \
    (to, from, bytes))                                                                             \
  X(cuMemcpyDtoH, cuMemcpyDtoH_v2_ptds, (void* to, DevicePtr from, size_t bytes),                  \
    (to, from, bytes))                                                                             \
  X(cuMemcpyDtoD, cuMemcpyDtoD_v2_ptds, (DevicePtr to, DevicePtr from, size_t bytes),              \
    (to, from, bytes))                                                                             \
  X(cuMemsetD8, cuMemsetD8_v2_ptds, (DevicePtr to, unsigned char value, size_t count),             \
    (to, value, count))                                                                            \
  X(cuMemsetD16, cuMemsetD16_v2_ptds, (DevicePtr to, unsigned short value, size_t count),          \
    (to, value, count))                                                                            \
  X(cuMemsetD32, cuMemsetD32_v2_ptds, (DevicePtr to, unsigned value, size_t count),                \
    (to, value, count))                                                                            \
  X(cuMemcpyAsync, cuMemcpyAsync_ptsz,                                                             \
    (DevicePtr to, DevicePtr from, size_t bytes, StreamHandle stream), (to, from, bytes, stream))  \
  X(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2_ptsz,                                                  \
    (DevicePtr to, const void* from, size_t bytes, StreamHandle stream),                           \
    (to, from, bytes, stream))                                                                     \
  X(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2_ptsz,                                                  \
    (void* to, DevicePtr from, size_t bytes, StreamHandle stream), (to, from, bytes, stream))      \
  X(cuMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2_ptsz,                                                  \
    (DevicePtr to, DevicePtr from, size_t bytes, StreamHandle stream), (to, from, bytes, stream))  \
  X(cuMemsetD8Async, cuMemsetD8Async_ptsz,                                                         \
    (DevicePtr to, unsigned char value, size_t count, StreamHandle stream),                        \
    (to, value, count, stream))                                                                    \
  X(cuMemsetD16Async, cuMemsetD16Async_ptsz,                                                       \
    (DevicePtr to, unsigned short value, size_t count, StreamHandle stream),                       \
    (to, value, count, stream))                                                                    \
  X(cuMemsetD32Async, cuMemsetD32Async_ptsz,                                                       \
    (DevicePtr to, unsigned value, size_t count, StreamHandle stream), (to, value, count, stream)) \
  X(cuMemAllocAsync, cuMemAllocAsync_ptsz,                                                         \
    (DevicePtr * address, size_t bytes, StreamHandle stream), (address, bytes, stream))            \
  X(cuMemAllocFromPoolAsync, cuMemAllocFromPoolAsync_ptsz,                                         \
    (DevicePtr * address, size_t bytes, MemoryPoolHandle pool, StreamHandle stream),               \
    (address, bytes, pool, stream))                                                                \
  X(cuMemFreeAsync, cuMemFreeAsync_ptsz, (DevicePtr address, StreamHandle stream),                 \
    (address, stream))                                                                             \
  X(cuLaunchKernel, cuLaunchKernel_ptsz,                                                           \
    (FunctionHandle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, \
     unsigned block_y, unsigned block_z, unsigned dynamic_shared_bytes, StreamHandle stream,       \
     void** parameters, void** extra),                                                             \
    (function, grid_x, grid_y, grid_z, block_x, block_y, block_z, dynamic_shared_bytes, stream,    \
     parameters, extra))                                                                           \
  X(cuLaunchKernelEx, cuLaunchKernelEx_ptsz,                                                       \
    (const LaunchConfig* config, FunctionHandle function, void** parameters, void** extra),        \
    (config, function, parameters, extra))                                                         \
  X(cuLaunchCooperativeKernel, cuLaunchCooperativeKernel_ptsz,                                     \
    (FunctionHandle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, \
     unsigned block_y, unsigned block_z, unsigned dynamic_shared_bytes, StreamHandle stream,       \
     void** parameters),                                                                           \
    (function, grid_x, grid_y, grid_z, block_x, block_y, block_z, dynamic_shared_bytes, stream,    \
     parameters))                                                                                  \
  X(cuLaunchHostFunc, cuLaunchHostFunc_ptsz,                                                       \
    (StreamHandle stream, HostFunction function, void* user_data), (stream, function, user_data))  \
  X(cuGraphLaunch, cuGraphLaunch_ptsz, (GraphExecHandle exec, StreamHandle stream),                \
    (exec, stream))                                                                                \
  X(cuGraphUpload, cuGraphUpload_ptsz, (GraphExecHandle exec, StreamHandle stream),                \
    (exec, stream))                                                                                \
  X(cuGraphInstantiateWithParams, cuGraphInstantiateWithParams_ptsz,                               \
    (GraphExecHandle * exec, GraphHandle graph, GraphInstantiateParams * params),                  \
    (exec, graph, params))                                                                         \
  X(cuStreamSynchronize, cuStreamSynchronize_ptsz, (StreamHandle stream), (stream))                \
  X(cuStreamQuery, cuStreamQuery_ptsz, (StreamHandle stream), (stream))                            \
  X(cuStreamWaitEvent, cuStreamWaitEvent_ptsz,                                                     \
    (StreamHandle stream, EventHandle event, unsigned flags), (stream, event, flags))              \
  X(cuStreamWaitValue32, cuStreamWaitValue32_v2_ptsz,                                              \
    (StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags),                      \
    (stream, address, value, flags))                                                               \
  X(cuStreamWriteValue32, cuStreamWriteValue32_v2_ptsz,                                            \
    (StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags),                      \
    (stream, address, value, flags))                                                               \
  X(cuStreamWaitValue64, cuStreamWaitValue64_v2_ptsz,                                              \
    (StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags),                      \
    (stream, address, value, flags))                                                               \
  X(cuStreamWriteValue64, cuStreamWriteValue64_v2_ptsz,                                            \
    (StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags),                      \
    (stream, address, value, flags))                                                               \
  X(cuStreamBatchMemOp, cuStreamBatchMemOp_v2_ptsz,                                                \
    (StreamHandle stream, unsigned count, BatchMemoryOp* operations, unsigned flags),              \
    (stream, count, operations, flags))                                                            \
  X(cuStreamBeginCapture, cuStreamBeginCapture_v2_ptsz, (StreamHandle stream, CaptureMode mode),   \
    (stream, mode))                                                                                \
  X(cuStreamBeginCaptureToGraph, cuStreamBeginCaptureToGraph_ptsz,                                 \
    (StreamHandle stream, GraphHandle graph, const GraphNodeHandle* after, const void* edge_data,  \
     size_t count, CaptureMode mode),                                                              \
    (stream, graph, after, edge_data, count, mode))                                                \
  X(cuStreamEndCapture, cuStreamEndCapture_ptsz, (StreamHandle stream, GraphHandle * graph),       \
    (stream, graph))                                                                               \
  X(cuStreamIsCapturing, cuStreamIsCapturing_ptsz, (StreamHandle stream, CaptureStatus * status),  \
    (stream, status))                                                                              \
  X(cuStreamGetCtx, cuStreamGetCtx_ptsz, (StreamHandle stream, ContextHandle * context),           \
    (stream, context))                                                                             \
  X(cuStreamGetId, cuStreamGetId_ptsz, (StreamHandle stream, unsigned long long* id),              \
    (stream, id))                                                                                  \
  X(cuStreamGetFlags, cuStreamGetFlags_ptsz, (StreamHandle stream, unsigned* flags),               \
    (stream, flags))                                                                               \
  X(cuStreamGetPriority, cuStreamGetPriority_ptsz, (StreamHandle stream, int* priority),           \
    (stream, priority))                                                                            \
  X(cuEventRecord, cuEventRecord_ptsz, (EventHandle event, StreamHandle stream), (event, stream))  \
  X(cuEventRecordWithFlags, cuEventRecordWithFlags_ptsz,                                           \
    (EventHandle event, StreamHandle stream, unsigned flags), (event, stream, flags))

namespace corun::simgpu::driver {

/// While it lives, a null stream is the calling thread's own.
class PerThreadDefault {
 public:
  PerThreadDefault();
  ~PerThreadDefault();
  PerThreadDefault(const PerThreadDefault&) = delete;
  PerThreadDefault& operator=(const PerThreadDefault&) = delete;
  static bool active();
};

/// The function with one of the suffixes that stands for the exported `symbol`; null: none does.
void* per_thread_form(const char* symbol);

}  // namespace corun::simgpu::driver
