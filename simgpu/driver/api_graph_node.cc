// Parameters of nodes: of graphs, and of executable graphs.
#include <algorithm>

#include "simgpu/driver/allocate.h"
#include "simgpu/driver/api.h"
#include "simgpu/driver/enqueue.h"
#include "simgpu/driver/graph_exec.h"
#include "simgpu/driver/graph_params.h"

namespace corun::simgpu::driver {

using cuda::Code;

namespace {

bool on_host(const cuda::Memcpy3dSide& side) { return side.type == cuda::MemoryType::kHost; }

/// The address of one side of a linear copy; unified memory is where it says it is.
uint64_t address_of(const cuda::Memcpy3dSide& side) {
  return (on_host(side) ? reinterpret_cast<uint64_t>(side.host) : side.device) + side.x_bytes;
}

bool is_linear(const cuda::Memcpy3dSide& side) {
  return side.y == 0 && side.z == 0 && side.level == 0 && side.type != cuda::MemoryType::kArray;
}

void set_work(GraphNode& node, Node work) {
  node.work.clear();
  node.work.push_back(std::move(work));
}

}  // namespace

Code describe(Driver& driver, const cuda::KernelNodeParams& params, GraphNode& node) {
  auto* function = reinterpret_cast<Function*>(params.function);
  if (!driver.functions.contains(function)) return Code::kInvalidHandle;
  const LaunchRequest request{{params.grid_x, params.grid_y, params.grid_z},
                              {params.block_x, params.block_y, params.block_z},
                              params.dynamic_shared_bytes,
                              params.parameters,
                              params.extra};
  Node work;
  Code code = launch_node(driver, *function, request, work);
  if (code == Code::kSuccess) code = poll_node(driver, *function, work);
  if (code == Code::kSuccess) set_work(node, std::move(work));
  return code;
}

Code describe(Driver& driver, const cuda::Memcpy3d& params, GraphNode& node) {
  if (params.height > 1 || params.depth > 1 || !is_linear(params.from) || !is_linear(params.to)) {
    say_once("graph nodes that copy more than one row, or arrays, are not simulated");
    return Code::kNotSupported;
  }
  const uint64_t from = address_of(params.from);
  const uint64_t to = address_of(params.to);
  const bool from_host = on_host(params.from) || !driver.memory.is_device(from);
  const bool to_host = on_host(params.to) || !driver.memory.is_device(to);
  if (params.width_bytes == 0 || params.width_bytes > kMostBytes || (from_host && to_host)) {
    return Code::kInvalidValue;
  }
  const wire::OpKind kind = from_host ? wire::OpKind::kCopyHostToDevice
                            : to_host ? wire::OpKind::kCopyDeviceToHost
                                      : wire::OpKind::kCopyDeviceToDevice;
  Node work;
  const Code code = copy_node(driver, kind, to, from, params.width_bytes, work);
  if (code == Code::kSuccess) set_work(node, std::move(work));
  return code;
}

Code describe(Driver& driver, const cuda::MemsetNodeParams& params, GraphNode& node) {
  const unsigned unit = params.element_bytes;
  if (unit != 1 && unit != 2 && unit != 4) return Code::kInvalidValue;
  if (params.height > 1) {
    say_once("graph nodes that fill more than one row are not simulated");
    return Code::kNotSupported;
  }
  Node work;
  const Code code = fill_node(driver, params.to, params.value, params.width, unit, work);
  if (code == Code::kSuccess) set_work(node, std::move(work));
  return code;
}

Code describe(Driver& driver, const cuda::BatchMemoryOpNodeParams& params, GraphNode& node) {
  if (params.flags != 0) return Code::kInvalidValue;
  std::vector<Node> work;
  const Code code = batch_nodes(driver, params.count, params.operations, work);
  if (code != Code::kSuccess) return code;
  node.work = std::move(work);
  node.operations.assign(params.operations, params.operations + params.count);
  return Code::kSuccess;
}

namespace api {

namespace {

Code node_of_type(const Entered& call, GraphNodeHandle handle, GraphNodeType type,
                  GraphNode** node) {
  const Code code = node_of(call, handle, node);
  if (code != Code::kSuccess) return code;
  return (*node)->type == type ? Code::kSuccess : Code::kInvalidValue;
}

template <typename Params>
Code set_params(GraphNodeHandle handle, GraphNodeType type, const Params* params) {
  if (params == nullptr) return Code::kInvalidValue;
  const Entered call;
  GraphNode* node = nullptr;
  const Code code = node_of_type(call, handle, type, &node);
  return code == Code::kSuccess ? describe(call.driver, *params, *node) : code;
}

GraphExec::Part* part_of(GraphExec& exec, GraphNodeHandle handle) {
  const auto found =
      std::find_if(exec.parts.begin(), exec.parts.end(), [&](const GraphExec::Part& part) {
        return part.node == reinterpret_cast<const GraphNode*>(handle);
      });
  return found == exec.parts.end() ? nullptr : &*found;
}

/// As set_params(), in an executable graph alone.
template <typename Params>
Code set_in_exec(GraphExecHandle handle, GraphNodeHandle node_handle, GraphNodeType type,
                 const Params* params) {
  if (params == nullptr) return Code::kInvalidValue;
  const Entered call;
  GraphExec* exec = nullptr;
  if (const Code code = exec_of(call, handle, &exec); code != Code::kSuccess) return code;
  GraphExec::Part* part = part_of(*exec, node_handle);
  if (part == nullptr || part->type != type) return Code::kInvalidValue;
  GraphNode described;
  const Code code = describe(call.driver, *params, described);
  if (code != Code::kSuccess) return code;
  part->work = std::move(described.work);
  exec->changed = true;
  return Code::kSuccess;
}

}  // namespace

Code cuGraphKernelNodeGetParams(GraphNodeHandle handle, KernelNodeParams* params) {
  if (params == nullptr) return Code::kInvalidValue;
  const Entered call;
  GraphNode* node = nullptr;
  const Code code = node_of_type(call, handle, GraphNodeType::kKernel, &node);
  if (code != Code::kSuccess) return code;
  Node& work = node->work.front();
  if (work.params.empty() && !work.function->parameters.empty()) {
    say_once("parameters of a kernel that polls words cannot be asked of a graph");
    return Code::kNotSupported;
  }
  node->parameters.clear();
  for (const PtxParameter& p : work.function->parameters) {
    node->parameters.push_back(work.params.data() + p.offset);
  }
  *params = {.function = reinterpret_cast<FunctionHandle>(const_cast<Function*>(work.function)),
             .grid_x = work.op.grid[0],
             .grid_y = work.op.grid[1],
             .grid_z = work.op.grid[2],
             .block_x = work.op.block[0],
             .block_y = work.op.block[1],
             .block_z = work.op.block[2],
             .dynamic_shared_bytes = work.op.shared_bytes,
             .parameters = node->parameters.data(),
             .extra = nullptr,
             .kernel = nullptr,
             .context = nullptr};
  return Code::kSuccess;
}

/// Of the first version, whose structure ends before `kernel`.
Code cuGraphKernelNodeGetParams_v1(GraphNodeHandle node, KernelNodeParams* params) {
  if (params == nullptr) return Code::kInvalidValue;
  KernelNodeParams whole{};
  const Code code = api::cuGraphKernelNodeGetParams(node, &whole);
  if (code == Code::kSuccess) {
    std::copy_n(reinterpret_cast<const std::byte*>(&whole), offsetof(KernelNodeParams, kernel),
                reinterpret_cast<std::byte*>(params));
  }
  return code;
}

Code cuGraphKernelNodeSetParams(GraphNodeHandle node, const KernelNodeParams* params) {
  return set_params(node, GraphNodeType::kKernel, params);
}

Code cuGraphKernelNodeSetParams_v1(GraphNodeHandle node, const KernelNodeParams* params) {
  return set_params(node, GraphNodeType::kKernel, params);
}

Code cuGraphMemcpyNodeGetParams(GraphNodeHandle handle, Memcpy3d* params) {
  if (params == nullptr) return Code::kInvalidValue;
  const Entered call;
  GraphNode* node = nullptr;
  const Code code = node_of_type(call, handle, GraphNodeType::kMemcpy, &node);
  if (code != Code::kSuccess) return code;
  const Node& work = node->work.front();
  const auto side = [](uint64_t address, bool host) {
    Memcpy3dSide one{};
    one.type = host ? MemoryType::kHost : MemoryType::kDevice;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): unified addresses
    one.host = host ? reinterpret_cast<void*>(address) : nullptr;
    one.device = host ? 0 : address;
    return one;
  };
  *params = {.from = side(work.from, work.op.kind == wire::OpKind::kCopyHostToDevice),
             .to = side(work.to, work.op.kind == wire::OpKind::kCopyDeviceToHost),
             .width_bytes = work.op.bytes,
             .height = 1,
             .depth = 1};
  return Code::kSuccess;
}

Code cuGraphMemcpyNodeSetParams(GraphNodeHandle node, const Memcpy3d* params) {
  return set_params(node, GraphNodeType::kMemcpy, params);
}

Code cuGraphMemsetNodeGetParams(GraphNodeHandle handle, MemsetNodeParams* params) {
  if (params == nullptr) return Code::kInvalidValue;
  const Entered call;
  GraphNode* node = nullptr;
  const Code code = node_of_type(call, handle, GraphNodeType::kMemset, &node);
  if (code != Code::kSuccess) return code;
  const Node& work = node->work.front();
  *params = {.to = work.to,
             .pitch = 0,
             .value = work.action.value,
             .element_bytes = work.unit,
             .width = work.op.bytes / work.unit,
             .height = 1};
  return Code::kSuccess;
}

Code cuGraphMemsetNodeSetParams(GraphNodeHandle node, const MemsetNodeParams* params) {
  return set_params(node, GraphNodeType::kMemset, params);
}

Code cuGraphBatchMemOpNodeGetParams(GraphNodeHandle handle, BatchMemoryOpNodeParams* params) {
  if (params == nullptr) return Code::kInvalidValue;
  const Entered call;
  GraphNode* node = nullptr;
  const Code code = node_of_type(call, handle, GraphNodeType::kBatchMemoryOp, &node);
  if (code != Code::kSuccess) return code;
  *params = {.context = reinterpret_cast<ContextHandle>(call.context),
             .count = static_cast<unsigned>(node->operations.size()),
             .operations = node->operations.data(),
             .flags = 0};
  return Code::kSuccess;
}

Code cuGraphBatchMemOpNodeSetParams(GraphNodeHandle node, const BatchMemoryOpNodeParams* params) {
  return set_params(node, GraphNodeType::kBatchMemoryOp, params);
}

Code cuGraphExecKernelNodeSetParams(GraphExecHandle exec, GraphNodeHandle node,
                                    const KernelNodeParams* params) {
  return set_in_exec(exec, node, GraphNodeType::kKernel, params);
}

Code cuGraphExecKernelNodeSetParams_v1(GraphExecHandle exec, GraphNodeHandle node,
                                       const KernelNodeParams* params) {
  return set_in_exec(exec, node, GraphNodeType::kKernel, params);
}

Code cuGraphExecMemcpyNodeSetParams(GraphExecHandle exec, GraphNodeHandle node,
                                    const Memcpy3d* params, ContextHandle) {
  return set_in_exec(exec, node, GraphNodeType::kMemcpy, params);
}

Code cuGraphExecMemsetNodeSetParams(GraphExecHandle exec, GraphNodeHandle node,
                                    const MemsetNodeParams* params, ContextHandle) {
  return set_in_exec(exec, node, GraphNodeType::kMemset, params);
}

Code cuGraphExecBatchMemOpNodeSetParams(GraphExecHandle exec, GraphNodeHandle node,
                                        const BatchMemoryOpNodeParams* params) {
  return set_in_exec(exec, node, GraphNodeType::kBatchMemoryOp, params);
}

Code cuGraphNodeSetEnabled(GraphExecHandle handle, GraphNodeHandle node, unsigned enabled) {
  const Entered call;
  GraphExec* exec = nullptr;
  if (const Code code = exec_of(call, handle, &exec); code != Code::kSuccess) return code;
  GraphExec::Part* part = part_of(*exec, node);
  // As documented: only kernels, memsets and copies can be switched off.
  if (part == nullptr || part->type > GraphNodeType::kMemset) return Code::kInvalidValue;
  part->enabled = enabled != 0;
  exec->changed = true;
  return Code::kSuccess;
}

Code cuGraphNodeGetEnabled(GraphExecHandle handle, GraphNodeHandle node, unsigned* enabled) {
  if (enabled == nullptr) return Code::kInvalidValue;
  const Entered call;
  GraphExec* exec = nullptr;
  if (const Code code = exec_of(call, handle, &exec); code != Code::kSuccess) return code;
  const GraphExec::Part* part = part_of(*exec, node);
  if (part == nullptr) return Code::kInvalidValue;
  *enabled = part->enabled ? 1 : 0;
  return Code::kSuccess;
}

}  // namespace api

}  // namespace corun::simgpu::driver
