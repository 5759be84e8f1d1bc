// Functions of the simulated driver beyond the table of core/abi/cuda.h: what programs and
// libcorun.so use that corun itself does not. Signatures as in the CUDA Driver API reference,
// https://docs.nvidia.com/cuda/cuda-driver-api/.
#pragma once

#include "core/abi/cuda_types.h"

namespace corun::cuda {

// X(name, exported symbol, CUDA version that brought it, parameters). A name with _v1 is what the
// plain name meant before: cuGetProcAddress gives the newest meaning that is not newer than the
// version asked for.
#define CORUN_SIM_WORD_FUNCTIONS(X)                                                   \
  X(cuStreamWaitValue64, cuStreamWaitValue64_v2, 11070,                               \
    (StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags))         \
  X(cuStreamWriteValue64, cuStreamWriteValue64_v2, 11070,                             \
    (StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags))         \
  X(cuStreamBatchMemOp, cuStreamBatchMemOp_v2, 11070,                                 \
    (StreamHandle stream, unsigned count, BatchMemoryOp* operations, unsigned flags)) \
  X(cuStreamWaitValue32_v1, cuStreamWaitValue32, 8000,                                \
    (StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags))         \
  X(cuStreamWriteValue32_v1, cuStreamWriteValue32, 8000,                              \
    (StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags))         \
  X(cuStreamBatchMemOp_v1, cuStreamBatchMemOp, 8000,                                  \
    (StreamHandle stream, unsigned count, BatchMemoryOp* operations, unsigned flags))

#define CORUN_SIM_MEMORY_FUNCTIONS(X)                                                      \
  X(cuMemAllocPitch, cuMemAllocPitch_v2, 3020,                                             \
    (DevicePtr * address, size_t * pitch, size_t width, size_t height, unsigned element))  \
  X(cuMemAllocManaged, cuMemAllocManaged, 6000,                                            \
    (DevicePtr * address, size_t bytes, unsigned flags))                                   \
  X(cuMemAllocHost, cuMemAllocHost_v2, 3020, (void** memory, size_t bytes))                \
  X(cuMemcpy, cuMemcpy, 4000, (DevicePtr to, DevicePtr from, size_t bytes))                \
  X(cuMemcpyAsync, cuMemcpyAsync, 4000,                                                    \
    (DevicePtr to, DevicePtr from, size_t bytes, StreamHandle stream))                     \
  X(cuMemsetD16, cuMemsetD16_v2, 3020, (DevicePtr to, unsigned short value, size_t count)) \
  X(cuMemsetD16Async, cuMemsetD16Async, 3020,                                              \
    (DevicePtr to, unsigned short value, size_t count, StreamHandle stream))               \
  X(cuArrayCreate, cuArrayCreate_v2, 3020,                                                 \
    (ArrayHandle * array, const ArrayDescription* description))                            \
  X(cuArray3DCreate, cuArray3DCreate_v2, 3020,                                             \
    (ArrayHandle * array, const Array3dDescription* description))                          \
  X(cuArrayDestroy, cuArrayDestroy, 2000, (ArrayHandle array))

#define CORUN_SIM_POOL_FUNCTIONS(X)                                                          \
  X(cuMemPoolCreate, cuMemPoolCreate, 11020,                                                 \
    (MemoryPoolHandle * pool, const PoolProperties* properties))                             \
  X(cuMemPoolDestroy, cuMemPoolDestroy, 11020, (MemoryPoolHandle pool))                      \
  X(cuMemPoolTrimTo, cuMemPoolTrimTo, 11020, (MemoryPoolHandle pool, size_t bytes))          \
  X(cuMemPoolSetAttribute, cuMemPoolSetAttribute, 11020,                                     \
    (MemoryPoolHandle pool, PoolAttribute attribute, void* value))                           \
  X(cuMemPoolGetAttribute, cuMemPoolGetAttribute, 11020,                                     \
    (MemoryPoolHandle pool, PoolAttribute attribute, void* value))                           \
  X(cuDeviceGetDefaultMemPool, cuDeviceGetDefaultMemPool, 11020,                             \
    (MemoryPoolHandle * pool, Device device))                                                \
  X(cuDeviceGetMemPool, cuDeviceGetMemPool, 11020, (MemoryPoolHandle * pool, Device device)) \
  X(cuDeviceSetMemPool, cuDeviceSetMemPool, 11020, (Device device, MemoryPoolHandle pool))   \
  X(cuMemAllocFromPoolAsync, cuMemAllocFromPoolAsync, 11020,                                 \
    (DevicePtr * address, size_t bytes, MemoryPoolHandle pool, StreamHandle stream))

#define CORUN_SIM_VIRTUAL_FUNCTIONS(X)                                                           \
  X(cuMemGetAllocationGranularity, cuMemGetAllocationGranularity, 10020,                         \
    (size_t * bytes, const AllocationProperties* properties, int option))                        \
  X(cuMemAddressReserve, cuMemAddressReserve, 10020,                                             \
    (DevicePtr * address, size_t bytes, size_t alignment, DevicePtr wanted,                      \
     unsigned long long flags))                                                                  \
  X(cuMemAddressFree, cuMemAddressFree, 10020, (DevicePtr address, size_t bytes))                \
  X(cuMemCreate, cuMemCreate, 10020,                                                             \
    (uint64_t * handle, size_t bytes, const AllocationProperties* properties,                    \
     unsigned long long flags))                                                                  \
  X(cuMemRelease, cuMemRelease, 10020, (uint64_t handle))                                        \
  X(cuMemRetainAllocationHandle, cuMemRetainAllocationHandle, 11000,                             \
    (uint64_t * handle, void* address))                                                          \
  X(cuMemMap, cuMemMap, 10020,                                                                   \
    (DevicePtr address, size_t bytes, size_t offset, uint64_t handle, unsigned long long flags)) \
  X(cuMemUnmap, cuMemUnmap, 10020, (DevicePtr address, size_t bytes))                            \
  X(cuMemSetAccess, cuMemSetAccess, 10020,                                                       \
    (DevicePtr address, size_t bytes, const AccessDescription* descriptions, size_t count))

#define CORUN_SIM_CONTEXT_FUNCTIONS(X)                                                             \
  X(cuCtxGetId, cuCtxGetId, 12000, (ContextHandle context, unsigned long long* id))                \
  X(cuCtxGetApiVersion, cuCtxGetApiVersion, 3020, (ContextHandle context, unsigned* version))      \
  X(cuCtxGetFlags, cuCtxGetFlags, 7000, (unsigned* flags))                                         \
  X(cuDevicePrimaryCtxReset, cuDevicePrimaryCtxReset_v2, 11000, (Device device))                   \
  X(cuStreamGetCtx, cuStreamGetCtx, 9020, (StreamHandle stream, ContextHandle * context))          \
  X(cuStreamGetId, cuStreamGetId, 12000, (StreamHandle stream, unsigned long long* id))            \
  X(cuStreamGetFlags, cuStreamGetFlags, 5050, (StreamHandle stream, unsigned* flags))              \
  X(cuStreamGetPriority, cuStreamGetPriority, 5050, (StreamHandle stream, int* priority))          \
  X(cuEventRecordWithFlags, cuEventRecordWithFlags, 11010,                                         \
    (EventHandle event, StreamHandle stream, unsigned flags))                                      \
  X(cuStreamBeginCaptureToGraph, cuStreamBeginCaptureToGraph, 12030,                               \
    (StreamHandle stream, GraphHandle graph, const GraphNodeHandle* after, const void* edge_data,  \
     size_t count, CaptureMode mode))                                                              \
  X(cuThreadExchangeStreamCaptureMode, cuThreadExchangeStreamCaptureMode, 10010,                   \
    (CaptureMode * mode))                                                                          \
  X(cuLaunchCooperativeKernel, cuLaunchCooperativeKernel, 9000,                                    \
    (FunctionHandle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, \
     unsigned block_y, unsigned block_z, unsigned dynamic_shared_bytes, StreamHandle stream,       \
     void** parameters))

// Building graphs, and changing executable ones. Edges by the functions without edge data.
#define CORUN_SIM_GRAPH_FUNCTIONS(X)                                                             \
  X(cuGraphCreate, cuGraphCreate, 10000, (GraphHandle * graph, unsigned flags))                  \
  X(cuGraphClone, cuGraphClone, 10000, (GraphHandle * clone, GraphHandle graph))                 \
  X(cuGraphNodeFindInClone, cuGraphNodeFindInClone, 10000,                                       \
    (GraphNodeHandle * node, GraphNodeHandle original, GraphHandle clone))                       \
  X(cuGraphDestroyNode, cuGraphDestroyNode, 10000, (GraphNodeHandle node))                       \
  X(cuGraphGetEdges, cuGraphGetEdges, 10000,                                                     \
    (GraphHandle graph, GraphNodeHandle * from, GraphNodeHandle * to, size_t * count))           \
  X(cuGraphAddDependencies, cuGraphAddDependencies, 10000,                                       \
    (GraphHandle graph, const GraphNodeHandle* from, const GraphNodeHandle* to, size_t count))   \
  X(cuGraphRemoveDependencies, cuGraphRemoveDependencies, 10000,                                 \
    (GraphHandle graph, const GraphNodeHandle* from, const GraphNodeHandle* to, size_t count))   \
  X(cuGraphNodeGetType, cuGraphNodeGetType, 10000, (GraphNodeHandle node, GraphNodeType * type)) \
  X(cuGraphAddEmptyNode, cuGraphAddEmptyNode, 10000,                                             \
    (GraphNodeHandle * node, GraphHandle graph, const GraphNodeHandle* after, size_t count))     \
  X(cuGraphAddKernelNode, cuGraphAddKernelNode_v2, 12000,                                        \
    (GraphNodeHandle * node, GraphHandle graph, const GraphNodeHandle* after, size_t count,      \
     const KernelNodeParams* params))                                                            \
  X(cuGraphAddMemcpyNode, cuGraphAddMemcpyNode, 10000,                                           \
    (GraphNodeHandle * node, GraphHandle graph, const GraphNodeHandle* after, size_t count,      \
     const Memcpy3d* params, ContextHandle context))                                             \
  X(cuGraphAddMemsetNode, cuGraphAddMemsetNode, 10000,                                           \
    (GraphNodeHandle * node, GraphHandle graph, const GraphNodeHandle* after, size_t count,      \
     const MemsetNodeParams* params, ContextHandle context))                                     \
  X(cuGraphAddBatchMemOpNode, cuGraphAddBatchMemOpNode, 11070,                                   \
    (GraphNodeHandle * node, GraphHandle graph, const GraphNodeHandle* after, size_t count,      \
     const BatchMemoryOpNodeParams* params))

#define CORUN_SIM_NODE_FUNCTIONS(X)                                        \
  X(cuGraphKernelNodeGetParams, cuGraphKernelNodeGetParams_v2, 12000,      \
    (GraphNodeHandle node, KernelNodeParams * params))                     \
  X(cuGraphKernelNodeGetParams_v1, cuGraphKernelNodeGetParams, 10000,      \
    (GraphNodeHandle node, KernelNodeParams * params))                     \
  X(cuGraphKernelNodeSetParams, cuGraphKernelNodeSetParams_v2, 12000,      \
    (GraphNodeHandle node, const KernelNodeParams* params))                \
  X(cuGraphKernelNodeSetParams_v1, cuGraphKernelNodeSetParams, 10000,      \
    (GraphNodeHandle node, const KernelNodeParams* params))                \
  X(cuGraphMemcpyNodeGetParams, cuGraphMemcpyNodeGetParams, 10000,         \
    (GraphNodeHandle node, Memcpy3d * params))                             \
  X(cuGraphMemcpyNodeSetParams, cuGraphMemcpyNodeSetParams, 10000,         \
    (GraphNodeHandle node, const Memcpy3d* params))                        \
  X(cuGraphMemsetNodeGetParams, cuGraphMemsetNodeGetParams, 10000,         \
    (GraphNodeHandle node, MemsetNodeParams * params))                     \
  X(cuGraphMemsetNodeSetParams, cuGraphMemsetNodeSetParams, 10000,         \
    (GraphNodeHandle node, const MemsetNodeParams* params))                \
  X(cuGraphBatchMemOpNodeGetParams, cuGraphBatchMemOpNodeGetParams, 11070, \
    (GraphNodeHandle node, BatchMemoryOpNodeParams * params))              \
  X(cuGraphBatchMemOpNodeSetParams, cuGraphBatchMemOpNodeSetParams, 11070, \
    (GraphNodeHandle node, const BatchMemoryOpNodeParams* params))

#define CORUN_SIM_EXEC_FUNCTIONS(X)                                                              \
  X(cuGraphInstantiate_v1, cuGraphInstantiate, 10000,                                            \
    (GraphExecHandle * exec, GraphHandle graph, GraphNodeHandle * error_node, char* log,         \
     size_t log_bytes))                                                                          \
  X(cuGraphInstantiate_v2, cuGraphInstantiate_v2, 11000,                                         \
    (GraphExecHandle * exec, GraphHandle graph, GraphNodeHandle * error_node, char* log,         \
     size_t log_bytes))                                                                          \
  X(cuGraphInstantiateWithParams, cuGraphInstantiateWithParams, 12000,                           \
    (GraphExecHandle * exec, GraphHandle graph, GraphInstantiateParams * params))                \
  X(cuGraphExecGetFlags, cuGraphExecGetFlags, 12000, (GraphExecHandle exec, uint64_t * flags))   \
  X(cuGraphExecUpdate, cuGraphExecUpdate_v2, 12000,                                              \
    (GraphExecHandle exec, GraphHandle graph, GraphUpdateInfo * info))                           \
  X(cuGraphExecUpdate_v1, cuGraphExecUpdate, 10020,                                              \
    (GraphExecHandle exec, GraphHandle graph, GraphNodeHandle * error_node,                      \
     GraphUpdateResult * result))                                                                \
  X(cuGraphExecKernelNodeSetParams, cuGraphExecKernelNodeSetParams_v2, 12000,                    \
    (GraphExecHandle exec, GraphNodeHandle node, const KernelNodeParams* params))                \
  X(cuGraphExecKernelNodeSetParams_v1, cuGraphExecKernelNodeSetParams, 10010,                    \
    (GraphExecHandle exec, GraphNodeHandle node, const KernelNodeParams* params))                \
  X(cuGraphExecMemcpyNodeSetParams, cuGraphExecMemcpyNodeSetParams, 10020,                       \
    (GraphExecHandle exec, GraphNodeHandle node, const Memcpy3d* params, ContextHandle context)) \
  X(cuGraphExecMemsetNodeSetParams, cuGraphExecMemsetNodeSetParams, 10020,                       \
    (GraphExecHandle exec, GraphNodeHandle node, const MemsetNodeParams* params,                 \
     ContextHandle context))                                                                     \
  X(cuGraphExecBatchMemOpNodeSetParams, cuGraphExecBatchMemOpNodeSetParams, 11070,               \
    (GraphExecHandle exec, GraphNodeHandle node, const BatchMemoryOpNodeParams* params))         \
  X(cuGraphNodeSetEnabled, cuGraphNodeSetEnabled, 11060,                                         \
    (GraphExecHandle exec, GraphNodeHandle node, unsigned enabled))                              \
  X(cuGraphNodeGetEnabled, cuGraphNodeGetEnabled, 11060,                                         \
    (GraphExecHandle exec, GraphNodeHandle node, unsigned* enabled))

#define CORUN_SIM_MORE_FUNCTIONS(X) \
  CORUN_SIM_WORD_FUNCTIONS(X)       \
  CORUN_SIM_MEMORY_FUNCTIONS(X)     \
  CORUN_SIM_POOL_FUNCTIONS(X)       \
  CORUN_SIM_VIRTUAL_FUNCTIONS(X)    \
  CORUN_SIM_CONTEXT_FUNCTIONS(X)    \
  CORUN_SIM_GRAPH_FUNCTIONS(X)      \
  CORUN_SIM_NODE_FUNCTIONS(X)       \
  CORUN_SIM_EXEC_FUNCTIONS(X)

}  // namespace corun::cuda
