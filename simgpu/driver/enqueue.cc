#include "simgpu/driver/enqueue.h"

#include <algorithm>
#include <cstring>

#include "simgpu/driver/allocate.h"
#include "simgpu/driver/graph.h"
#include "simgpu/driver/limits.h"

namespace corun::simgpu::driver {

using cuda::Code;

namespace {

// Keys of cuLaunchKernel's `extra` list.
constexpr uintptr_t kExtraEnd = 0;
constexpr uintptr_t kExtraBuffer = 1;
constexpr uintptr_t kExtraSize = 2;

bool valid_shape(const LaunchRequest& request) {
  const auto& [gx, gy, gz] = request.grid;
  const auto& [bx, by, bz] = request.block;
  if (gx < 1 || gy < 1 || gz < 1 || gx > 0x7fffffff || gy > 65535 || gz > 65535) return false;
  if (bx < 1 || by < 1 || bz < 1 || bx > 1024 || by > 1024 || bz > 64) return false;
  return uint64_t{bx} * by * bz <= 1024;
}

/// The launch's parameter buffer. False: the caller's lists do not fit the kernel.
bool gather(const Function& function, const LaunchRequest& request,
            std::vector<std::byte>& params) {
  uint32_t size = 0;
  for (const PtxParameter& p : function.parameters) size = std::max(size, p.offset + p.size);
  params.assign(size, std::byte{0});
  if (request.extra == nullptr) {
    if (request.parameters == nullptr) return size == 0;
    for (size_t i = 0; i < function.parameters.size(); ++i) {
      const PtxParameter& p = function.parameters[i];
      std::memcpy(params.data() + p.offset, request.parameters[i], p.size);
    }
    return true;
  }
  const void* buffer = nullptr;
  size_t given = 0;
  for (void** item = request.extra; reinterpret_cast<uintptr_t>(*item) != kExtraEnd; item += 2) {
    const auto key = reinterpret_cast<uintptr_t>(item[0]);
    if (key == kExtraBuffer) buffer = item[1];
    if (key == kExtraSize) given = *static_cast<const size_t*>(item[1]);
  }
  if (buffer == nullptr || given < size) return false;
  if (size > 0) std::memcpy(params.data(), buffer, size);
  return true;
}

/// The unsigned value of parameter `index`, of 4 or 8 bytes.
uint64_t value_of(const Function& function, const std::vector<std::byte>& params, uint32_t index) {
  const PtxParameter& p = function.parameters[index];
  uint64_t value = 0;
  std::memcpy(&value, params.data() + p.offset, std::min<size_t>(p.size, sizeof value));
  return value;
}

void add_effect(const Driver& driver, const Function& function, Node& node) {
  if (function.info.effect != wire::EffectKind::kLcgStep) return;
  const uint64_t words = value_of(function, node.params, function.info.words);
  if (words == 0) return;
  const uint64_t address = value_of(function, node.params, function.info.state);
  std::byte* state = nullptr;
  if (words <= (uint64_t{1} << 40)) state = driver.memory.find(address, words * sizeof(uint32_t));
  if (state == nullptr) {
    node.op.illegal = 1;
    return;
  }
  node.action.kind = Action::Kind::kLcgStep;
  node.action.to = state;
  node.action.count = words;
  node.action.value = static_cast<uint32_t>(value_of(function, node.params, function.info.addend));
}

}  // namespace

Code launch_node(const Driver& driver, const Function& function, const LaunchRequest& request,
                 Node& node) {
  if (!valid_shape(request)) return Code::kInvalidValue;
  if (request.dynamic_shared_bytes > static_cast<unsigned>(function.max_dynamic_shared)) {
    return Code::kInvalidValue;
  }
  if (!gather(function, request, node.params)) return Code::kInvalidValue;
  node.function = &function;
  node.op.kind = wire::OpKind::kKernel;
  node.op.object = function.info.kernel;
  std::copy(std::begin(request.grid), std::end(request.grid), node.op.grid);
  std::copy(std::begin(request.block), std::end(request.block), node.op.block);
  node.op.shared_bytes = request.dynamic_shared_bytes;
  add_effect(driver, function, node);
  return Code::kSuccess;
}

Code poll_node(Driver& driver, const Function& function, Node& node) {
  if (function.info.effect != wire::EffectKind::kPoll) return Code::kSuccess;
  const uint64_t address = value_of(function, node.params, function.info.state);
  const std::byte* words = driver.memory.find(address, 2 * sizeof(uint32_t));
  if (words == nullptr || address % sizeof(uint64_t) != 0) {
    node.op.illegal = 1;
    return Code::kSuccess;
  }
  if (!driver.share_memory()) return Code::kNotSupported;
  node.op.kind = wire::OpKind::kWordWait;
  node.op.address = reinterpret_cast<uint64_t>(words);
  node.op.value = value_of(function, node.params, function.info.words);
  node.op.test = cuda::kWaitValueGreaterOrEqual;
  node.op.bytes = value_of(function, node.params, function.info.addend);
  node.params.clear();
  return Code::kSuccess;
}

Code copy_node(const Driver& driver, wire::OpKind kind, uint64_t to, uint64_t from, size_t bytes,
               Node& node) {
  const auto place = [&](uint64_t address, bool on_host) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): unified addresses
    return on_host ? reinterpret_cast<std::byte*>(address) : driver.memory.find(address, bytes);
  };
  node.op.kind = kind;
  node.op.bytes = bytes;
  node.to = to;
  node.from = from;
  node.action.kind = Action::Kind::kCopy;
  node.action.to = place(to, kind == wire::OpKind::kCopyDeviceToHost);
  node.action.from = place(from, kind == wire::OpKind::kCopyHostToDevice);
  node.action.count = bytes;
  return node.action.to != nullptr && node.action.from != nullptr ? Code::kSuccess
                                                                  : Code::kInvalidValue;
}

Code fill_node(const Driver& driver, uint64_t to, uint32_t value, size_t count, size_t unit,
               Node& node) {
  if (count > kMostBytes) return Code::kInvalidValue;
  node.op.kind = wire::OpKind::kMemset;
  node.op.bytes = count * unit;
  node.to = to;
  node.unit = static_cast<uint32_t>(unit);
  node.action.kind = unit == 1   ? Action::Kind::kFill8
                     : unit == 2 ? Action::Kind::kFill16
                                 : Action::Kind::kFill32;
  node.action.to = driver.memory.find(to, count * unit);
  node.action.count = count;
  node.action.value = value;
  if (node.action.to == nullptr) return Code::kInvalidValue;
  if (value == 0 && !driver.memory.is_host_locked(node.action.to, 1)) {
    node.action.kind = Action::Kind::kClear;
    node.action.count = count * unit;
  }
  return Code::kSuccess;
}

Code capture(Entered& call, Stream& stream, cuda::GraphNodeType type, std::vector<Node> work,
             GraphNode** added) {
  Capture& capture = *stream.capture;
  if (capture.invalid) return Code::kStreamCaptureInvalidated;
  if (capture.graph->nodes.size() >= wire::kMaxGraphNodes) {
    capture.invalid = true;
    return Code::kOutOfMemory;
  }
  GraphNode& node = add_node(call.driver, *capture.graph, type, stream.captured);
  node.work = std::move(work);
  stream.captured = {&node};
  if (added != nullptr) *added = &node;
  return Code::kSuccess;
}

Code enqueue(Entered& call, Stream& stream, Node node, uint64_t* op_id) {
  if (stream.capture) {
    if (op_id != nullptr) *op_id = 0;
    const cuda::GraphNodeType type = type_of(node);
    std::vector<Node> work;
    work.push_back(std::move(node));
    return capture(call, stream, type, std::move(work));
  }
  Pending pending;
  pending.action = std::move(node.action);
  return call.driver.submit(call.lock, stream, node.op, node.params, std::move(pending), op_id);
}

}  // namespace corun::simgpu::driver
