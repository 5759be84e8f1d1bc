// Stream memory operations: waits for words of memory, and writes of them. The server looks at the
// words itself, through this process's /proc/self/mem, so that they take their effect when the
// device gets there and not when this process next calls.
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"
#include "simgpu/driver/enqueue.h"

namespace corun::simgpu::driver {

using namespace corun::cuda;

namespace {

bool is_wide(BatchMemoryOpType type) {
  return type == BatchMemoryOpType::kWaitValue64 || type == BatchMemoryOpType::kWriteValue64;
}

bool is_wait(BatchMemoryOpType type) {
  return type == BatchMemoryOpType::kWaitValue32 || type == BatchMemoryOpType::kWaitValue64;
}

/// The node of a wait or a write.
Code word_node(Driver& driver, const BatchMemoryOp& operation, Node& node) {
  const bool wait = is_wait(operation.type);
  const bool wide = is_wide(operation.type);
  const unsigned test = wait ? operation.flags & ~kWaitValueFlush : 0;
  const unsigned most = wait ? kWaitValueNor : kWriteValueNoMemoryBarrier;
  if ((wait ? test : operation.flags) > most) return Code::kInvalidValue;
  const size_t bytes = wide ? sizeof(uint64_t) : sizeof(uint32_t);
  const std::byte* word = driver.memory.find(operation.address, bytes);
  if (word == nullptr || operation.address % bytes != 0) return Code::kInvalidValue;
  if (!driver.share_memory()) return Code::kNotSupported;
  node.op.kind = wait ? wire::OpKind::kWordWait : wire::OpKind::kWordWrite;
  node.op.address = reinterpret_cast<uint64_t>(word);
  node.op.value = wide ? operation.value : static_cast<uint32_t>(operation.value);
  node.op.test = test | (wide ? wire::kWordWide : 0);
  return Code::kSuccess;
}

}  // namespace

/// Barriers and flushes order what is in order here anyway.
Code batch_nodes(Driver& driver, unsigned count, const BatchMemoryOp* operations,
                 std::vector<Node>& nodes) {
  if (operations == nullptr || count == 0 || count > kMostOperations) return Code::kInvalidValue;
  for (unsigned i = 0; i < count; ++i) {
    const BatchMemoryOpType type = operations[i].type;
    if (type == BatchMemoryOpType::kFlushRemoteWrites || type == BatchMemoryOpType::kBarrier) {
      continue;
    }
    if (type < BatchMemoryOpType::kWaitValue32 || type > BatchMemoryOpType::kWriteValue64) {
      return Code::kInvalidValue;
    }
    Node node;
    const Code code = word_node(driver, operations[i], node);
    if (code != Code::kSuccess) return code;
    nodes.push_back(std::move(node));
  }
  return Code::kSuccess;
}

}  // namespace corun::simgpu::driver

namespace corun::simgpu::driver::api {

namespace {

Code submit(StreamHandle handle, unsigned count, const BatchMemoryOp* operations) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  std::vector<Node> nodes;
  Code code = batch_nodes(call.driver, count, operations, nodes);
  if (code != Code::kSuccess) return code;
  if (stream->capture) {
    GraphNode* added = nullptr;
    code = capture(call, *stream, GraphNodeType::kBatchMemoryOp, std::move(nodes), &added);
    if (code == Code::kSuccess) added->operations.assign(operations, operations + count);
    return code;
  }
  for (size_t i = 0; i < nodes.size() && code == Code::kSuccess; ++i) {
    code = enqueue(call, *stream, std::move(nodes[i]));
  }
  return code;
}

Code submit_word(BatchMemoryOpType type, StreamHandle stream, DevicePtr address, uint64_t value,
                 unsigned flags) {
  BatchMemoryOp operation{};
  operation.type = type;
  operation.address = address;
  operation.value = value;
  operation.flags = flags;
  return submit(stream, 1, &operation);
}

}  // namespace

Code cuStreamWaitValue32(StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags) {
  return submit_word(BatchMemoryOpType::kWaitValue32, stream, address, value, flags);
}

Code cuStreamWriteValue32(StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags) {
  return submit_word(BatchMemoryOpType::kWriteValue32, stream, address, value, flags);
}

Code cuStreamWaitValue64(StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags) {
  return submit_word(BatchMemoryOpType::kWaitValue64, stream, address, value, flags);
}

Code cuStreamWriteValue64(StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags) {
  return submit_word(BatchMemoryOpType::kWriteValue64, stream, address, value, flags);
}

Code cuStreamBatchMemOp(StreamHandle handle, unsigned count, BatchMemoryOp* operations,
                        unsigned flags) {
  return flags != 0 ? Code::kInvalidValue : submit(handle, count, operations);
}

// The first versions, still exported under the plain names: drivers keep them switched off.

Code cuStreamWaitValue32_v1(StreamHandle, DevicePtr, uint32_t, unsigned) {
  say_once("cuStreamWaitValue32 of before CUDA 11.7 is switched off, as in the real driver");
  return Code::kNotSupported;
}

Code cuStreamWriteValue32_v1(StreamHandle, DevicePtr, uint32_t, unsigned) {
  say_once("cuStreamWriteValue32 of before CUDA 11.7 is switched off, as in the real driver");
  return Code::kNotSupported;
}

Code cuStreamBatchMemOp_v1(StreamHandle, unsigned, BatchMemoryOp*, unsigned) {
  say_once("cuStreamBatchMemOp of before CUDA 11.7 is switched off, as in the real driver");
  return Code::kNotSupported;
}

}  // namespace corun::simgpu::driver::api
