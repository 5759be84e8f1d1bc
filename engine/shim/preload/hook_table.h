// The one table of hooked functions. Each row is one exported symbol: variants of a function are
// rows of their own, with their own next function, because they mean different things (a null
// stream of a _ptsz variant is the calling thread's own stream).
//
//   X(symbol, handler, default stream, CUDA version that brought this signature)
//
// The version decides only when cuGetProcAddress returned an address that no exported symbol has.
// Names and signatures: CUDA Driver API reference and cuda.h's renames; checked by
// tests/shim/hook_choice_test.cc.
#pragma once

#define CORUN_CONTEXT_HOOKS(X)                                  \
  X(cuCtxCreate_v2, ctx_create, kLegacy, 3020)                  \
  X(cuCtxCreate_v3, ctx_create_v3, kLegacy, 11040)              \
  X(cuCtxCreate_v4, ctx_create_v4, kLegacy, 12050)              \
  X(cuCtxDestroy_v2, ctx_destroy, kLegacy, 4000)                \
  X(cuDevicePrimaryCtxRetain, primary_retain, kLegacy, 7000)    \
  X(cuDevicePrimaryCtxRelease_v2, primary_drop, kLegacy, 11000) \
  X(cuDevicePrimaryCtxReset_v2, primary_drop, kLegacy, 11000)   \
  X(cuGetProcAddress, get_proc_address, kLegacy, 11030)         \
  X(cuGetProcAddress_v2, get_proc_address_v2, kLegacy, 12000)

#define CORUN_SYNC_HOOKS(X)                                                      \
  X(cuCtxSynchronize, ctx_synchronize, kLegacy, 2000)                            \
  X(cuCtxSynchronize_v2, ctx_synchronize_v2, kLegacy, 13000)                     \
  X(cuStreamSynchronize, stream_synchronize, kLegacy, 2000)                      \
  X(cuStreamSynchronize_ptsz, stream_synchronize, kPerThread, 7000)              \
  X(cuStreamQuery, stream_synchronize, kLegacy, 2000)                            \
  X(cuStreamQuery_ptsz, stream_synchronize, kPerThread, 7000)                    \
  X(cuStreamDestroy_v2, stream_destroy, kLegacy, 4000)                           \
  X(cuEventSynchronize, event_synchronize, kLegacy, 2000)                        \
  X(cuEventQuery, event_synchronize, kLegacy, 2000)                              \
  X(cuEventElapsedTime, event_elapsed, kLegacy, 2000)                            \
  X(cuEventElapsedTime_v2, event_elapsed, kLegacy, 12080)                        \
  X(cuEventRecord, event_record, kLegacy, 2000)                                  \
  X(cuEventRecord_ptsz, event_record, kPerThread, 7000)                          \
  X(cuEventRecordWithFlags, event_record_flags, kLegacy, 11010)                  \
  X(cuEventRecordWithFlags_ptsz, event_record_flags, kPerThread, 11010)          \
  X(cuStreamBeginCapture, begin_capture_v1, kLegacy, 10000)                      \
  X(cuStreamBeginCapture_ptsz, begin_capture_v1, kPerThread, 10000)              \
  X(cuStreamBeginCapture_v2, begin_capture, kLegacy, 10010)                      \
  X(cuStreamBeginCapture_v2_ptsz, begin_capture, kPerThread, 10010)              \
  X(cuStreamBeginCaptureToGraph, begin_capture_to_graph, kLegacy, 12030)         \
  X(cuStreamBeginCaptureToGraph_ptsz, begin_capture_to_graph, kPerThread, 12030) \
  X(cuStreamEndCapture, end_capture, kLegacy, 10000)                             \
  X(cuStreamEndCapture_ptsz, end_capture, kPerThread, 10000)

#define CORUN_LAUNCH_HOOKS(X)                                             \
  X(cuLaunchKernel, launch_kernel, kLegacy, 4000)                         \
  X(cuLaunchKernel_ptsz, launch_kernel, kPerThread, 7000)                 \
  X(cuLaunchKernelEx, launch_kernel_ex, kLegacy, 11060)                   \
  X(cuLaunchKernelEx_ptsz, launch_kernel_ex, kPerThread, 11060)           \
  X(cuLaunchCooperativeKernel, launch_cooperative, kLegacy, 9000)         \
  X(cuLaunchCooperativeKernel_ptsz, launch_cooperative, kPerThread, 9000) \
  X(cuLaunchCooperativeKernelMultiDevice, launch_devices, kLegacy, 9000)  \
  X(cuLaunch, launch_old, kLegacy, 2000)                                  \
  X(cuLaunchGrid, launch_grid, kLegacy, 2000)                             \
  X(cuLaunchGridAsync, launch_grid_async, kLegacy, 2000)                  \
  X(cuGraphLaunch, graph_launch, kLegacy, 10000)                          \
  X(cuGraphLaunch_ptsz, graph_launch, kPerThread, 10000)

// cuGraphInstantiate means this symbol, then _v2 and from 12.0 on WithFlags, by cuda.h's renames.
#define CORUN_GRAPH_HOOKS(X)                                                           \
  X(cuGraphInstantiate, graph_instantiate, kLegacy, 10000)                             \
  X(cuGraphInstantiate_v2, graph_instantiate, kLegacy, 11000)                          \
  X(cuGraphInstantiateWithFlags, graph_instantiate_flags, kLegacy, 12000)              \
  X(cuGraphInstantiateWithParams, graph_instantiate_params, kLegacy, 12000)            \
  X(cuGraphInstantiateWithParams_ptsz, graph_instantiate_params, kPerThread, 12000)    \
  X(cuGraphExecUpdate, graph_update, kLegacy, 10020)                                   \
  X(cuGraphExecUpdate_v2, graph_update_v2, kLegacy, 12000)                             \
  X(cuGraphExecKernelNodeSetParams, graph_set_kernel, kLegacy, 10010)                  \
  X(cuGraphExecKernelNodeSetParams_v2, graph_set_kernel_v2, kLegacy, 12000)            \
  X(cuGraphExecMemcpyNodeSetParams, graph_set_memcpy, kLegacy, 10020)                  \
  X(cuGraphExecMemsetNodeSetParams, graph_set_memset, kLegacy, 10020)                  \
  X(cuGraphExecHostNodeSetParams, graph_set_other, kLegacy, 10020)                     \
  X(cuGraphExecChildGraphNodeSetParams, graph_set_other, kLegacy, 11010)               \
  X(cuGraphExecEventRecordNodeSetEvent, graph_set_other, kLegacy, 11010)               \
  X(cuGraphExecEventWaitNodeSetEvent, graph_set_other, kLegacy, 11010)                 \
  X(cuGraphExecExternalSemaphoresSignalNodeSetParams, graph_set_other, kLegacy, 11020) \
  X(cuGraphExecExternalSemaphoresWaitNodeSetParams, graph_set_other, kLegacy, 11020)   \
  X(cuGraphExecBatchMemOpNodeSetParams, graph_set_other, kLegacy, 11070)               \
  X(cuGraphExecNodeSetParams, graph_set_other, kLegacy, 12020)                         \
  X(cuGraphNodeSetEnabled, graph_set_enabled, kLegacy, 11060)                          \
  X(cuGraphExecDestroy, graph_exec_destroy, kLegacy, 10000)

#define CORUN_MEMORY_HOOKS(X)                                        \
  X(cuMemAlloc_v2, mem_alloc, kLegacy, 3020)                         \
  X(cuMemAllocPitch_v2, mem_alloc_pitch, kLegacy, 3020)              \
  X(cuMemAllocManaged, mem_alloc_managed, kLegacy, 6000)             \
  X(cuMemAllocAsync, mem_alloc_async, kLegacy, 11020)                \
  X(cuMemAllocAsync_ptsz, mem_alloc_async, kPerThread, 11020)        \
  X(cuMemAllocFromPoolAsync, mem_alloc_pool, kLegacy, 11020)         \
  X(cuMemAllocFromPoolAsync_ptsz, mem_alloc_pool, kPerThread, 11020) \
  X(cuMemFree_v2, mem_free, kLegacy, 3020)                           \
  X(cuMemFreeAsync, mem_free_async, kLegacy, 11020)                  \
  X(cuMemFreeAsync_ptsz, mem_free_async, kPerThread, 11020)          \
  X(cuMemCreate, mem_create, kLegacy, 10020)                         \
  X(cuMemRelease, mem_release, kLegacy, 10020)                       \
  X(cuMemMap, mem_map, kLegacy, 10020)                               \
  X(cuMemUnmap, mem_unmap, kLegacy, 10020)                           \
  X(cuMemRetainAllocationHandle, mem_retain, kLegacy, 11000)         \
  X(cuMemImportFromShareableHandle, mem_import, kLegacy, 10020)      \
  X(cuArrayCreate_v2, array_create, kLegacy, 3020)                   \
  X(cuArray3DCreate_v2, array_3d_create, kLegacy, 3020)              \
  X(cuArrayDestroy, array_destroy, kLegacy, 2000)                    \
  X(cuMipmappedArrayCreate, mipmapped_create, kLegacy, 5000)         \
  X(cuMipmappedArrayDestroy, mipmapped_destroy, kLegacy, 5000)       \
  X(cuIpcOpenMemHandle_v2, ipc_open, kLegacy, 11000)                 \
  X(cuIpcCloseMemHandle, ipc_close, kLegacy, 4010)                   \
  X(cuImportExternalMemory, external_import, kLegacy, 10000)         \
  X(cuDestroyExternalMemory, external_destroy, kLegacy, 10000)       \
  X(cuMemGetInfo_v2, mem_get_info, kLegacy, 3020)

// X(symbol, way, default stream, version, (parameter types)). Ways: see hooks_copy.cc.
#define CORUN_ASYNC_COPY_HOOKS_OF(X, suffix, stream)                                              \
  X(cuMemcpyAsync##suffix, kAny, stream, 4000, (DevicePtr, DevicePtr, size_t, StreamHandle))      \
  X(cuMemcpyPeerAsync##suffix, kAny, stream, 4000,                                                \
    (DevicePtr, ContextHandle, DevicePtr, ContextHandle, size_t, StreamHandle))                   \
  X(cuMemcpyHtoDAsync_v2##suffix, kBus, stream, 3020,                                             \
    (DevicePtr, const void*, size_t, StreamHandle))                                               \
  X(cuMemcpyDtoHAsync_v2##suffix, kBus, stream, 3020, (void*, DevicePtr, size_t, StreamHandle))   \
  X(cuMemcpyDtoDAsync_v2##suffix, kDevice, stream, 3020,                                          \
    (DevicePtr, DevicePtr, size_t, StreamHandle))                                                 \
  X(cuMemcpyHtoAAsync_v2##suffix, kBus, stream, 3020,                                             \
    (ArrayHandle, size_t, const void*, size_t, StreamHandle))                                     \
  X(cuMemcpyAtoHAsync_v2##suffix, kBus, stream, 3020,                                             \
    (void*, ArrayHandle, size_t, size_t, StreamHandle))                                           \
  X(cuMemcpy2DAsync_v2##suffix, kAny, stream, 3020, (const void*, StreamHandle))                  \
  X(cuMemcpy3DAsync_v2##suffix, kAny, stream, 3020, (const void*, StreamHandle))                  \
  X(cuMemcpy3DPeerAsync##suffix, kAny, stream, 4000, (const void*, StreamHandle))                 \
  X(cuMemcpyBatchAsync##suffix, kAny, stream, 12080,                                              \
    (const void*, const void*, const void*, size_t, const void*, const void*, size_t, size_t*,    \
     StreamHandle))                                                                               \
  X(cuMemcpyBatchAsync_v2##suffix, kAny, stream, 13000,                                           \
    (const void*, const void*, const void*, size_t, const void*, const void*, size_t,             \
     StreamHandle))                                                                               \
  X(cuMemcpy3DBatchAsync##suffix, kAny, stream, 12080,                                            \
    (size_t, const void*, size_t*, unsigned long long, StreamHandle))                             \
  X(cuMemcpy3DBatchAsync_v2##suffix, kAny, stream, 13000,                                         \
    (size_t, const void*, unsigned long long, StreamHandle))                                      \
  X(cuMemcpyWithAttributesAsync##suffix, kAny, stream, 13020,                                     \
    (DevicePtr, DevicePtr, size_t, const void*, StreamHandle))                                    \
  X(cuMemcpy3DWithAttributesAsync##suffix, kAny, stream, 13020,                                   \
    (const void*, unsigned long long, StreamHandle))                                              \
  X(cuMemPrefetchAsync##suffix, kAny, stream, 8000, (DevicePtr, size_t, Device, StreamHandle))    \
  X(cuMemPrefetchAsync_v2##suffix, kAny, stream, 12020,                                           \
    (DevicePtr, size_t, cuda::MemoryLocation, unsigned, StreamHandle))                            \
  X(cuMemPrefetchBatchAsync##suffix, kAny, stream, 13000,                                         \
    (const void*, const void*, size_t, const void*, const void*, size_t, unsigned long long,      \
     StreamHandle))                                                                               \
  X(cuMemDiscardAndPrefetchBatchAsync##suffix, kAny, stream, 13000,                               \
    (const void*, const void*, size_t, const void*, const void*, size_t, unsigned long long,      \
     StreamHandle))                                                                               \
  X(cuMemBatchDecompressAsync##suffix, kDevice, stream, 12060,                                    \
    (const void*, size_t, unsigned, size_t*, StreamHandle))                                       \
  X(cuMemsetD8Async##suffix, kDevice, stream, 3020,                                               \
    (DevicePtr, unsigned char, size_t, StreamHandle))                                             \
  X(cuMemsetD16Async##suffix, kDevice, stream, 3020,                                              \
    (DevicePtr, unsigned short, size_t, StreamHandle))                                            \
  X(cuMemsetD32Async##suffix, kDevice, stream, 3020, (DevicePtr, unsigned, size_t, StreamHandle)) \
  X(cuMemsetD2D8Async##suffix, kDevice, stream, 3020,                                             \
    (DevicePtr, size_t, unsigned char, size_t, size_t, StreamHandle))                             \
  X(cuMemsetD2D16Async##suffix, kDevice, stream, 3020,                                            \
    (DevicePtr, size_t, unsigned short, size_t, size_t, StreamHandle))                            \
  X(cuMemsetD2D32Async##suffix, kDevice, stream, 3020,                                            \
    (DevicePtr, size_t, unsigned, size_t, size_t, StreamHandle))

#define CORUN_SYNC_COPY_HOOKS_OF(X, suffix, stream)                                           \
  X(cuMemcpy##suffix, kAny, stream, 4000, (DevicePtr, DevicePtr, size_t))                     \
  X(cuMemcpyPeer##suffix, kAny, stream, 4000,                                                 \
    (DevicePtr, ContextHandle, DevicePtr, ContextHandle, size_t))                             \
  X(cuMemcpyHtoD_v2##suffix, kBus, stream, 3020, (DevicePtr, const void*, size_t))            \
  X(cuMemcpyDtoH_v2##suffix, kToHost, stream, 3020, (void*, DevicePtr, size_t))               \
  X(cuMemcpyDtoD_v2##suffix, kDevice, stream, 3020, (DevicePtr, DevicePtr, size_t))           \
  X(cuMemcpyDtoA_v2##suffix, kDevice, stream, 3020, (ArrayHandle, size_t, DevicePtr, size_t)) \
  X(cuMemcpyAtoD_v2##suffix, kDevice, stream, 3020, (DevicePtr, ArrayHandle, size_t, size_t)) \
  X(cuMemcpyHtoA_v2##suffix, kBus, stream, 3020, (ArrayHandle, size_t, const void*, size_t))  \
  X(cuMemcpyAtoH_v2##suffix, kToHost, stream, 3020, (void*, ArrayHandle, size_t, size_t))     \
  X(cuMemcpyAtoA_v2##suffix, kDevice, stream, 3020,                                           \
    (ArrayHandle, size_t, ArrayHandle, size_t, size_t))                                       \
  X(cuMemcpy2D_v2##suffix, kAny, stream, 3020, (const void*))                                 \
  X(cuMemcpy2DUnaligned_v2##suffix, kAny, stream, 3020, (const void*))                        \
  X(cuMemcpy3D_v2##suffix, kAny, stream, 3020, (const void*))                                 \
  X(cuMemcpy3DPeer##suffix, kAny, stream, 4000, (const void*))                                \
  X(cuMemsetD8_v2##suffix, kDevice, stream, 3020, (DevicePtr, unsigned char, size_t))         \
  X(cuMemsetD16_v2##suffix, kDevice, stream, 3020, (DevicePtr, unsigned short, size_t))       \
  X(cuMemsetD32_v2##suffix, kDevice, stream, 3020, (DevicePtr, unsigned, size_t))             \
  X(cuMemsetD2D8_v2##suffix, kDevice, stream, 3020,                                           \
    (DevicePtr, size_t, unsigned char, size_t, size_t))                                       \
  X(cuMemsetD2D16_v2##suffix, kDevice, stream, 3020,                                          \
    (DevicePtr, size_t, unsigned short, size_t, size_t))                                      \
  X(cuMemsetD2D32_v2##suffix, kDevice, stream, 3020, (DevicePtr, size_t, unsigned, size_t, size_t))

// NOLINTBEGIN(bugprone-macro-parentheses)
#define CORUN_ASYNC_COPY_HOOKS(X)         \
  CORUN_ASYNC_COPY_HOOKS_OF(X, , kLegacy) \
  CORUN_ASYNC_COPY_HOOKS_OF(X, _ptsz, kPerThread)
#define CORUN_SYNC_COPY_HOOKS(X)         \
  CORUN_SYNC_COPY_HOOKS_OF(X, , kLegacy) \
  CORUN_SYNC_COPY_HOOKS_OF(X, _ptds, kPerThread)
// NOLINTEND(bugprone-macro-parentheses)

// Calls that only wait while the process is parked: the driver would hold them up without anybody
// knowing that they wait. What else they mean: TouchKind, hooks_touch.cc.
#define CORUN_TOUCH_HOOKS(X)                                 \
  X(cuStreamCreate, kPlain, kLegacy, 2000)                   \
  X(cuStreamCreateWithPriority, kPlain, kLegacy, 5050)       \
  X(cuStreamWaitEvent, kPlain, kLegacy, 3020)                \
  X(cuStreamWaitEvent_ptsz, kPlain, kPerThread, 7000)        \
  X(cuStreamAddCallback, kPlain, kLegacy, 5000)              \
  X(cuStreamAddCallback_ptsz, kPlain, kPerThread, 7000)      \
  X(cuLaunchHostFunc, kPlain, kLegacy, 10000)                \
  X(cuLaunchHostFunc_ptsz, kPlain, kPerThread, 10000)        \
  X(cuStreamWaitValue32_v2, kPlain, kLegacy, 11070)          \
  X(cuStreamWaitValue32_v2_ptsz, kPlain, kPerThread, 11070)  \
  X(cuStreamWaitValue64_v2, kPlain, kLegacy, 11070)          \
  X(cuStreamWaitValue64_v2_ptsz, kPlain, kPerThread, 11070)  \
  X(cuStreamWriteValue32_v2, kPlain, kLegacy, 11070)         \
  X(cuStreamWriteValue32_v2_ptsz, kPlain, kPerThread, 11070) \
  X(cuStreamWriteValue64_v2, kPlain, kLegacy, 11070)         \
  X(cuStreamWriteValue64_v2_ptsz, kPlain, kPerThread, 11070) \
  X(cuStreamBatchMemOp_v2, kPlain, kLegacy, 11070)           \
  X(cuStreamBatchMemOp_v2_ptsz, kPlain, kPerThread, 11070)   \
  X(cuStreamAttachMemAsync, kPlain, kLegacy, 6000)           \
  X(cuStreamAttachMemAsync_ptsz, kPlain, kPerThread, 7000)   \
  X(cuEventCreate, kPlain, kLegacy, 2000)                    \
  X(cuEventDestroy_v2, kPlain, kLegacy, 4000)                \
  X(cuModuleLoad, kPlain, kLegacy, 2000)                     \
  X(cuModuleLoadData, kPlain, kLegacy, 2000)                 \
  X(cuModuleLoadDataEx, kPlain, kLegacy, 2010)               \
  X(cuModuleLoadFatBinary, kPlain, kLegacy, 2000)            \
  X(cuModuleUnload, kPlain, kLegacy, 2000)                   \
  X(cuModuleGetFunction, kPlain, kLegacy, 2000)              \
  X(cuModuleGetGlobal_v2, kPlain, kLegacy, 3020)             \
  X(cuLibraryLoadData, kPlain, kLegacy, 12000)               \
  X(cuLibraryLoadFromFile, kPlain, kLegacy, 12000)           \
  X(cuLibraryUnload, kPlain, kLegacy, 12000)                 \
  X(cuLibraryGetModule, kPlain, kLegacy, 12000)              \
  X(cuLibraryGetGlobal, kPlain, kLegacy, 12000)              \
  X(cuKernelGetFunction, kPlain, kLegacy, 12000)             \
  X(cuKernelGetAttribute, kPlain, kLegacy, 12000)            \
  X(cuKernelSetAttribute, kPlain, kLegacy, 12000)            \
  X(cuFuncLoad, kPlain, kLegacy, 12040)                      \
  X(cuFuncGetAttribute, kPlain, kLegacy, 2020)               \
  X(cuFuncSetAttribute, kPlain, kLegacy, 9000)               \
  X(cuFuncSetCacheConfig, kPlain, kLegacy, 3000)             \
  X(cuMemAllocHost_v2, kPlain, kLegacy, 3020)                \
  X(cuMemHostAlloc, kPlain, kLegacy, 2020)                   \
  X(cuMemFreeHost, kPlain, kLegacy, 2000)                    \
  X(cuMemHostRegister_v2, kPlain, kLegacy, 6050)             \
  X(cuMemHostUnregister, kPlain, kLegacy, 4000)              \
  X(cuMemAdvise, kPlain, kLegacy, 8000)                      \
  X(cuMemAdvise_v2, kPlain, kLegacy, 12020)                  \
  X(cuMemPoolCreate, kPlain, kLegacy, 11020)                 \
  X(cuMemPoolDestroy, kPlain, kLegacy, 11020)                \
  X(cuMemPoolTrimTo, kPlain, kLegacy, 11020)                 \
  X(cuMemPoolSetAttribute, kPlain, kLegacy, 11020)           \
  X(cuMemPoolSetAccess, kPlain, kLegacy, 11020)              \
  X(cuMemAddressReserve, kPlain, kLegacy, 10020)             \
  X(cuMemAddressFree, kPlain, kLegacy, 10020)                \
  X(cuMemSetAccess, kPlain, kLegacy, 10020)                  \
  X(cuExternalMemoryGetMappedBuffer, kPlain, kLegacy, 10000) \
  X(cuTexObjectCreate, kPlain, kLegacy, 5000)                \
  X(cuTexObjectDestroy, kPlain, kLegacy, 5000)               \
  X(cuSurfObjectCreate, kPlain, kLegacy, 5000)               \
  X(cuSurfObjectDestroy, kPlain, kLegacy, 5000)              \
  X(cuMemExportToShareableHandle, kShares, kLegacy, 10020)   \
  X(cuIpcGetMemHandle, kShares, kLegacy, 4010)               \
  X(cuIpcGetEventHandle, kShares, kLegacy, 4010)             \
  X(cuIpcOpenEventHandle, kShares, kLegacy, 4010)            \
  X(cuGraphUpload, kPlain, kLegacy, 11010)                   \
  X(cuGraphUpload_ptsz, kPlain, kPerThread, 11010)           \
  X(cuCtxSetLimit, kPlain, kLegacy, 3010)                    \
  X(cuCtxResetPersistingL2Cache, kPlain, kLegacy, 11000)     \
  X(cuCtxEnablePeerAccess, kPlain, kLegacy, 4000)            \
  X(cuGreenCtxCreate, kPlain, kLegacy, 12040)                \
  X(cuGreenCtxDestroy, kPlain, kLegacy, 12040)

#define CORUN_NVML_HOOKS(X)                           \
  X(nvmlDeviceGetMemoryInfo, nvml_memory, kLegacy, 0) \
  X(nvmlDeviceGetMemoryInfo_v2, nvml_memory_v2, kLegacy, 0)

#define CORUN_ALL_HOOKS(X)  \
  CORUN_CONTEXT_HOOKS(X)    \
  CORUN_SYNC_HOOKS(X)       \
  CORUN_LAUNCH_HOOKS(X)     \
  CORUN_GRAPH_HOOKS(X)      \
  CORUN_MEMORY_HOOKS(X)     \
  CORUN_ASYNC_COPY_HOOKS(X) \
  CORUN_SYNC_COPY_HOOKS(X)  \
  CORUN_TOUCH_HOOKS(X)      \
  CORUN_NVML_HOOKS(X)

// Where a handler's address stands: C names, for the stubs below. The compiler fills them in; it
// cannot be made to promise it, since a function's address is no constant expression as void*.
// NOLINTBEGIN(bugprone-dynamic-static-initializers)
extern "C" {
#define CORUN_ENTRY(symbol, ...) \
  extern __attribute__((visibility("hidden"))) void* const corun_entry_##symbol;
CORUN_ALL_HOOKS(CORUN_ENTRY)
#undef CORUN_ENTRY
}
// NOLINTEND(bugprone-dynamic-static-initializers)

namespace corun::shim {

/// What a null stream means to a variant.
enum class DefaultStream { kLegacy, kPerThread };

enum class Slot : int {
#define CORUN_SLOT(symbol, ...) symbol,
  CORUN_ALL_HOOKS(CORUN_SLOT)
#undef CORUN_SLOT
      kCount
};
inline constexpr int kSlots = static_cast<int>(Slot::kCount);

/// One row, at run time.
struct Hook {
  const char* symbol;
  void* const* entry;  ///< where the handler's address stands
  bool per_thread;
  int since;
};
// NOLINTNEXTLINE(bugprone-dynamic-static-initializers)
extern const Hook hooks[kSlots];

}  // namespace corun::shim

// Defines a row: its handler's address, and the exported symbol, which jumps there. For programs
// that are linked with the driver's library directly.
#define CORUN_DEFINE_HOOK(symbol, handler)                                               \
  extern "C" void* const corun_entry_##symbol = reinterpret_cast<void*>(handler);        \
  asm(".text\n .p2align 4\n .globl " #symbol "\n .type " #symbol ", @function\n" #symbol \
      ":\n endbr64\n jmp *corun_entry_" #symbol "(%rip)\n .size " #symbol ", .-" #symbol);
