// Names of the things inside one simulated GPU. Ids are never used again.
#pragma once

#include <compare>
#include <cstdint>

namespace corun::simgpu {

template <typename Tag>
struct Id {
  uint32_t value = 0;  ///< 0 names nothing
  explicit operator bool() const { return value != 0; }
  auto operator<=>(const Id&) const = default;
};

using ClientId = Id<struct ClientTag>;    ///< a process
using GroupId = Id<struct GroupTag>;      ///< a channel group: what the GPU time-slices
using ContextId = Id<struct ContextTag>;  ///< a CUDA context
using StreamId = Id<struct StreamTag>;
using AllocationId = Id<struct AllocationTag>;

/// One submitted operation: the stream it is in and its place there, from 1.
struct OpId {
  uint64_t value = 0;  ///< 0 names nothing
  explicit operator bool() const { return value != 0; }
  auto operator<=>(const OpId&) const = default;
  StreamId stream() const { return {static_cast<uint32_t>(value >> 40)}; }
  uint64_t place() const { return value & ((uint64_t{1} << 40) - 1); }
};

constexpr OpId make_op_id(StreamId stream, uint64_t place) {
  return {(uint64_t{stream.value} << 40) | place};
}

}  // namespace corun::simgpu
