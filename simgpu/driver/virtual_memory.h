// Device memory in two halves, as cuMemCreate and cuMemAddressReserve make it: physical memory, and
// ranges of device addresses where it can be mapped. The bytes of physical memory are a memfd;
// those behind a range are beside each other in the process, at other addresses than the device's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/fd.h"

namespace corun::simgpu::driver {

/// Not thread-safe.
class VirtualMemory {
 public:
  /// A range of device addresses, a multiple of `alignment`; 0: the host has no room for it.
  uint64_t reserve(uint64_t bytes, uint64_t alignment);
  /// Precondition of success: the whole range as reserved, nothing mapped in it.
  bool unreserve(uint64_t address, uint64_t bytes);

  /// Physical memory that the server counts as `allocation` of `context`. 0: the host has no room.
  uint64_t create(uint64_t bytes, uint32_t allocation, uint32_t context);
  bool retain(uint64_t handle);
  /// Drops one reference. Memory without references and mappings is gone: its allocation, to be
  /// freed at the server, or 0. Nothing: no such handle.
  std::optional<uint32_t> release(uint64_t handle);
  /// The handle of what is mapped at `address`; 0: nothing is.
  uint64_t handle_at(uint64_t address) const;

  bool map(uint64_t address, uint64_t bytes, uint64_t handle);
  /// Ends the mappings that make up the range exactly; `freed` gets allocations as release() says.
  bool unmap(uint64_t address, uint64_t bytes, std::vector<uint32_t>& freed);
  bool set_access(uint64_t address, uint64_t bytes, bool accessible);
  /// The server has freed the context's allocations.
  void forget_context(uint32_t context);

  /// Where the bytes are, or null where not all of them are mapped and accessible.
  std::byte* find(uint64_t address, uint64_t bytes) const;

 private:
  struct Physical {
    Fd memory;
    uint64_t bytes = 0;
    uint32_t allocation = 0;
    uint32_t context = 0;
    int references = 1;
    int mappings = 0;
  };
  struct Mapping {
    uint64_t bytes = 0;
    uint64_t handle = 0;
    bool accessible = false;
  };
  struct Range {
    uint64_t bytes = 0;
    std::byte* backing = nullptr;
    std::map<uint64_t, Mapping> mappings;  ///< by offset
  };

  std::map<uint64_t, Range>::iterator range_of(uint64_t address, uint64_t bytes);
  uint32_t drop_if_unused(std::map<uint64_t, Physical>::iterator physical);

  std::map<uint64_t, Range> ranges_;  ///< by address
  std::map<uint64_t, Physical> physicals_;
  uint64_t last_handle_ = 0;
};

}  // namespace corun::simgpu::driver
