#include "simgpu/driver/allocate.h"

namespace corun::simgpu::driver {

using cuda::Code;

Code take_at_server(Entered& call, uint64_t bytes, uint32_t* allocation) {
  wire::Alloc message;
  message.context = call.context->id;
  message.bytes = bytes;
  const auto answer = call.driver.call(wire::Type::kAlloc, message);
  if (!answer) return Code::kUnknown;
  *allocation = answer->count;
  return to_cuda(answer->code);
}

void return_to_server(Driver& driver, uint32_t allocation) {
  wire::IdCall message;
  message.id = allocation;
  driver.call(wire::Type::kFree, message);
}

Code allocate(Entered& call, cuda::DevicePtr* address, size_t bytes, Kind kind) {
  if (address == nullptr || bytes == 0) return Code::kInvalidValue;
  if (bytes > kMostBytes) return Code::kOutOfMemory;
  MemoryMap& memory = call.driver.memory;
  const uint64_t part = kind == Kind::kDevice ? MemoryMap::part_size(bytes) : 0;
  *address = memory.take_part(call.context->id, part);
  if (*address != 0) return Code::kSuccess;
  uint32_t allocation = 0;
  const uint64_t whole = part != 0 ? kBlockBytes : bytes;
  if (const Code code = take_at_server(call, whole, &allocation); code != Code::kSuccess) {
    return code;
  }
  auto block = Block::reserve(whole, allocation, call.context->id, kind == Kind::kManaged);
  if (!block) {
    return_to_server(call.driver, allocation);
    return Code::kOutOfMemory;
  }
  *address = block->address();
  memory.add(std::move(*block), part);
  if (part != 0) *address = memory.take_part(call.context->id, part);
  return Code::kSuccess;
}

}  // namespace corun::simgpu::driver
