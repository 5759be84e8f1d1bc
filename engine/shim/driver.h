// The driver functions that the shim itself calls: the seam between the state machine and the GPU.
// In libcorun.so they are libcuda's own, found by exported name (preload/real.cc), never through a
// hook; a test fills them with its own. Any may be null: then what needs it does not happen.
#pragma once

#include "engine/shim/abi.h"

namespace corun::shim {

// X(name, exported symbol, parameters). All return Code. The versions matter: plain
// cuStreamWaitValue32 is an old, disabled one.
#define CORUN_SHIM_DRIVER_FUNCTIONS(X)                                                             \
  X(ctx_get_current, cuCtxGetCurrent, (ContextHandle * context))                                   \
  X(ctx_get_device, cuCtxGetDevice, (Device * device))                                             \
  X(ctx_push, cuCtxPushCurrent_v2, (ContextHandle context))                                        \
  X(ctx_pop, cuCtxPopCurrent_v2, (ContextHandle * context))                                        \
  X(device_uuid, cuDeviceGetUuid, (cuda::Uuid * uuid, Device device))                              \
  X(device_uuid_v2, cuDeviceGetUuid_v2, (cuda::Uuid * uuid, Device device))                        \
  X(device_attribute, cuDeviceGetAttribute,                                                        \
    (int* value, cuda::DeviceAttribute attribute, Device device))                                  \
  X(primary_state, cuDevicePrimaryCtxGetState, (Device device, unsigned* flags, int* active))      \
  X(host_register, cuMemHostRegister_v2, (void* memory, size_t bytes, unsigned flags))             \
  X(host_device_pointer, cuMemHostGetDevicePointer_v2,                                             \
    (DevicePtr * address, void* memory, unsigned flags))                                           \
  X(stream_wait_value, cuStreamWaitValue32_v2,                                                     \
    (StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags))                      \
  X(stream_write_value, cuStreamWriteValue32_v2,                                                   \
    (StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags))                      \
  X(stream_batch_mem_op, cuStreamBatchMemOp_v2,                                                    \
    (StreamHandle stream, unsigned count, cuda::BatchMemoryOp* operations, unsigned flags))        \
  X(stream_context, cuStreamGetCtx, (StreamHandle stream, ContextHandle * context))                \
  X(stream_query, cuStreamQuery, (StreamHandle stream))                                            \
  X(stream_is_capturing, cuStreamIsCapturing, (StreamHandle stream, cuda::CaptureStatus * status)) \
  X(exchange_capture_mode, cuThreadExchangeStreamCaptureMode, (cuda::CaptureMode * mode))          \
  X(process_state, cuCheckpointProcessGetState, (int pid, cuda::ProcessState* state))              \
  X(event_create, cuEventCreate, (EventHandle * event, unsigned flags))                            \
  X(event_destroy, cuEventDestroy_v2, (EventHandle event))                                         \
  X(event_record, cuEventRecord, (EventHandle event, StreamHandle stream))                         \
  X(event_query, cuEventQuery, (EventHandle event))                                                \
  X(event_elapsed, cuEventElapsedTime, (float* milliseconds, EventHandle from, EventHandle to))    \
  X(module_load_data, cuModuleLoadData, (ModuleHandle * module, const void* image))                \
  X(module_get_function, cuModuleGetFunction,                                                      \
    (FunctionHandle * function, ModuleHandle module, const char* name))                            \
  X(stream_priority_range, cuCtxGetStreamPriorityRange, (int* lowest, int* highest))               \
  X(stream_create_with_priority, cuStreamCreateWithPriority,                                       \
    (StreamHandle * stream, unsigned flags, int priority))                                         \
  X(launch_kernel, cuLaunchKernel,                                                                 \
    (FunctionHandle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, \
     unsigned block_y, unsigned block_z, unsigned shared_bytes, StreamHandle stream,               \
     void** parameters, void** extra))                                                             \
  X(address_range, cuMemGetAddressRange_v2, (DevicePtr * base, size_t * bytes, DevicePtr address))

// For graphs (graphs.h). Edges by the functions without edge data: they refuse graphs that have
// some, and those are not cut.
#define CORUN_SHIM_GRAPH_FUNCTIONS(X)                                                           \
  X(stream_wait_event, cuStreamWaitEvent,                                                       \
    (StreamHandle stream, EventHandle event, unsigned flags))                                   \
  X(stream_synchronize, cuStreamSynchronize, (StreamHandle stream))                             \
  X(graph_clone, cuGraphClone, (GraphHandle * clone, GraphHandle graph))                        \
  X(graph_destroy, cuGraphDestroy, (GraphHandle graph))                                         \
  X(graph_nodes, cuGraphGetNodes, (GraphHandle graph, GraphNodeHandle * nodes, size_t * count)) \
  X(graph_edges, cuGraphGetEdges,                                                               \
    (GraphHandle graph, GraphNodeHandle * from, GraphNodeHandle * to, size_t * count))          \
  X(graph_add_edges, cuGraphAddDependencies,                                                    \
    (GraphHandle graph, const GraphNodeHandle* from, const GraphNodeHandle* to, size_t count))  \
  X(graph_remove_edges, cuGraphRemoveDependencies,                                              \
    (GraphHandle graph, const GraphNodeHandle* from, const GraphNodeHandle* to, size_t count))  \
  X(graph_find_in_clone, cuGraphNodeFindInClone,                                                \
    (GraphNodeHandle * node, GraphNodeHandle original, GraphHandle clone))                      \
  X(graph_add_wait, cuGraphAddBatchMemOpNode,                                                   \
    (GraphNodeHandle * node, GraphHandle graph, const GraphNodeHandle* after, size_t count,     \
     const cuda::BatchMemoryOpNodeParams* params))                                              \
  X(graph_set_wait, cuGraphBatchMemOpNodeSetParams,                                             \
    (GraphNodeHandle node, const cuda::BatchMemoryOpNodeParams* params))                        \
  X(graph_instantiate, cuGraphInstantiateWithFlags,                                             \
    (GraphExecHandle * exec, GraphHandle graph, unsigned long long flags))                      \
  X(graph_exec_destroy, cuGraphExecDestroy, (GraphExecHandle exec))                             \
  X(node_type, cuGraphNodeGetType, (GraphNodeHandle node, cuda::GraphNodeType * type))          \
  X(node_child, cuGraphChildGraphNodeGetGraph, (GraphNodeHandle node, GraphHandle * graph))     \
  X(node_kernel_v1, cuGraphKernelNodeGetParams,                                                 \
    (GraphNodeHandle node, cuda::KernelNodeParams * params))                                    \
  X(node_kernel, cuGraphKernelNodeGetParams_v2,                                                 \
    (GraphNodeHandle node, cuda::KernelNodeParams * params))                                    \
  X(node_memcpy, cuGraphMemcpyNodeGetParams, (GraphNodeHandle node, cuda::Memcpy3d * params))   \
  X(node_memset, cuGraphMemsetNodeGetParams,                                                    \
    (GraphNodeHandle node, cuda::MemsetNodeParams * params))                                    \
  X(set_kernel_v1, cuGraphKernelNodeSetParams, (GraphNodeHandle node, const void* params))      \
  X(set_kernel, cuGraphKernelNodeSetParams_v2, (GraphNodeHandle node, const void* params))      \
  X(set_memcpy, cuGraphMemcpyNodeSetParams, (GraphNodeHandle node, const void* params))         \
  X(set_memset, cuGraphMemsetNodeSetParams, (GraphNodeHandle node, const void* params))

struct Driver {
  // NOLINTBEGIN(bugprone-macro-parentheses): names and parameter lists of a declaration
#define CORUN_SHIM_POINTER(name, symbol, parameters) Code(*name) parameters = nullptr;
  CORUN_SHIM_DRIVER_FUNCTIONS(CORUN_SHIM_POINTER)
  CORUN_SHIM_GRAPH_FUNCTIONS(CORUN_SHIM_POINTER)
#undef CORUN_SHIM_POINTER
  // NOLINTEND(bugprone-macro-parentheses)
};

/// While it lives the calling thread may use calls that a stream capture of another thread forbids
/// (captures in global mode), without spoiling that capture.
class RelaxedCapture {
 public:
  explicit RelaxedCapture(const Driver& driver) : driver_(driver) { exchange(); }
  ~RelaxedCapture() { exchange(); }
  RelaxedCapture(const RelaxedCapture&) = delete;
  RelaxedCapture& operator=(const RelaxedCapture&) = delete;

 private:
  void exchange() {
    if (driver_.exchange_capture_mode != nullptr) {
      driver_.exchange_capture_mode(&mode_);
    }
  }
  const Driver& driver_;
  cuda::CaptureMode mode_ = cuda::CaptureMode::kRelaxed;
};

}  // namespace corun::shim
