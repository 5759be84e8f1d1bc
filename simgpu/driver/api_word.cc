// Stream memory operations: waits for words of memory, and writes of them. The server looks at the
// words itself, through this process's /proc/self/mem, so that they take their effect when the
// device gets there and not when this process next calls.
#include <cstring>

#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"
#include "simgpu/driver/enqueue.h"

namespace corun::simgpu::driver::api {

namespace {

/// The node of a wait or a write; `wide`: 64 bits.
Code word_node(Entered& call, wire::OpKind kind, DevicePtr address, uint64_t value, bool wide,
               unsigned flags, Node& node) {
  const bool is_wait = kind == wire::OpKind::kWordWait;
  const unsigned test = is_wait ? flags & ~kWaitValueFlush : 0;
  const unsigned most = is_wait ? kWaitValueNor : kWriteValueNoMemoryBarrier;
  if ((is_wait ? test : flags) > most) return Code::kInvalidValue;
  const size_t bytes = wide ? sizeof(uint64_t) : sizeof(uint32_t);
  const std::byte* word = call.driver.memory.find(address, bytes);
  if (word == nullptr || address % bytes != 0) return Code::kInvalidValue;
  if (!call.driver.share_memory()) return Code::kNotSupported;
  node.op.kind = kind;
  node.op.address = reinterpret_cast<uint64_t>(word);
  node.op.value = value;
  node.op.test = test | (wide ? wire::kWordWide : 0);
  return Code::kSuccess;
}

Code submit_word(wire::OpKind kind, StreamHandle handle, DevicePtr address, uint64_t value,
                 bool wide, unsigned flags) {
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  Node node;
  const Code code = word_node(call, kind, address, value, wide, flags, node);
  if (code != Code::kSuccess) return code;
  return enqueue(call, *stream, std::move(node));
}

/// The nodes of a batch. Barriers and flushes order what is in order here anyway.
Code batch_nodes(Entered& call, unsigned count, const BatchMemoryOp* operations,
                 std::vector<Node>& nodes) {
  for (unsigned i = 0; i < count; ++i) {
    const BatchMemoryOp& one = operations[i];
    const bool wide =
        one.type == BatchMemoryOpType::kWaitValue64 || one.type == BatchMemoryOpType::kWriteValue64;
    const uint64_t value = wide ? one.value : static_cast<uint32_t>(one.value);
    Node node;
    Code code = Code::kSuccess;
    switch (one.type) {
      case BatchMemoryOpType::kWaitValue32:
      case BatchMemoryOpType::kWaitValue64:
        code = word_node(call, wire::OpKind::kWordWait, one.address, value, wide, one.flags, node);
        break;
      case BatchMemoryOpType::kWriteValue32:
      case BatchMemoryOpType::kWriteValue64:
        code = word_node(call, wire::OpKind::kWordWrite, one.address, value, wide, one.flags, node);
        break;
      case BatchMemoryOpType::kFlushRemoteWrites:
      case BatchMemoryOpType::kBarrier:
        continue;
      default:
        return Code::kInvalidValue;
    }
    if (code != Code::kSuccess) return code;
    nodes.push_back(std::move(node));
  }
  return Code::kSuccess;
}

}  // namespace

Code cuStreamWaitValue32(StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags) {
  return submit_word(wire::OpKind::kWordWait, stream, address, value, false, flags);
}

Code cuStreamWriteValue32(StreamHandle stream, DevicePtr address, uint32_t value, unsigned flags) {
  return submit_word(wire::OpKind::kWordWrite, stream, address, value, false, flags);
}

Code cuStreamWaitValue64(StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags) {
  return submit_word(wire::OpKind::kWordWait, stream, address, value, true, flags);
}

Code cuStreamWriteValue64(StreamHandle stream, DevicePtr address, uint64_t value, unsigned flags) {
  return submit_word(wire::OpKind::kWordWrite, stream, address, value, true, flags);
}

Code cuStreamBatchMemOp(StreamHandle handle, unsigned count, BatchMemoryOp* operations,
                        unsigned flags) {
  constexpr unsigned kMostOperations = 256;  // the CUDA driver API's limit of a batch
  if (operations == nullptr || count == 0 || count > kMostOperations || flags != 0) {
    return Code::kInvalidValue;
  }
  Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  std::vector<Node> nodes;
  Code code = batch_nodes(call, count, operations, nodes);
  for (size_t i = 0; i < nodes.size() && code == Code::kSuccess; ++i) {
    code = enqueue(call, *stream, std::move(nodes[i]));
  }
  return code;
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
