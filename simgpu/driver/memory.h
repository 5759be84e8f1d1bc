// The process's view of device memory: addresses of their own range, backed lazily by anonymous
// memory. The server accounts for it (blocks of whole granules); this map only knows addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "simgpu/driver/virtual_memory.h"

namespace corun::simgpu::driver {

/// Device memory is handed out by the server in multiples of this; smaller requests share a block,
/// as the driver does it (CUDA's documented granularity of device memory, 2 MiB).
inline constexpr uint64_t kBlockBytes = uint64_t{2} << 20;

/// One allocation of the server with its addresses. The address range holds no memory that the host
/// can reach; the bytes are elsewhere, so that a host access to a device address faults.
class Block {
 public:
  /// Reserves addresses and backing of `bytes`; for managed memory both are the same. Nothing: the
  /// host has no room for them.
  static std::optional<Block> reserve(uint64_t bytes, uint32_t allocation, uint32_t context,
                                      bool managed);
  Block(Block&& other) noexcept;
  Block& operator=(Block&& other) noexcept;
  ~Block();

  uint64_t address() const { return reinterpret_cast<uint64_t>(addresses_); }
  std::byte* bytes() const { return backing_; }
  uint64_t size() const { return size_; }
  uint32_t allocation() const { return allocation_; }
  uint32_t context() const { return context_; }

  // Parts of a shared block, all of one size; empty for a block of its own.
  uint64_t part_bytes = 0;
  std::vector<bool> parts_used;
  size_t parts_in_use = 0;

 private:
  Block() = default;
  void* addresses_ = nullptr;
  std::byte* backing_ = nullptr;
  uint64_t size_ = 0;
  uint32_t allocation_ = 0;  ///< the server's id
  uint32_t context_ = 0;     ///< the server's id
};

/// All device memory of the process, and its page-locked host memory (same address on both sides).
/// Not thread-safe.
class MemoryMap {
 public:
  /// A free part of `part` bytes (of part_size()) in a shared block of `context`. 0: a new block is
  /// needed.
  uint64_t take_part(uint32_t context, uint64_t part);
  /// Adds a block; with `part_bytes` > 0 it is shared.
  void add(Block block, uint64_t part_bytes);
  /// Bytes of the parts that requests of `bytes` get; 0: such a request has a block of its own.
  static uint64_t part_size(uint64_t bytes);

  struct Released {
    bool known = false;
    uint32_t allocation = 0;  ///< to be freed at the server; 0: the block lives on
  };
  /// Ends the allocation that begins at `address`.
  Released release(uint64_t address);
  void forget_context(uint32_t context);

  /// Whether device memory is at `address`.
  bool is_device(uint64_t address) const;
  /// Where [address, address + bytes) lies, or null when it is not all inside one allocation or
  /// page-locked range.
  std::byte* find(uint64_t address, uint64_t bytes) const;

  void lock_host(void* memory, uint64_t bytes, bool owned);
  /// What the processor may do with every page of a range of this process.
  struct Protection {
    bool readable = false;
    bool writable = false;
  };
  static Protection host_protection(const void* memory, uint64_t bytes);
  struct HostRange {
    uint64_t bytes = 0;
    bool owned = false;  ///< made by cuMemHostAlloc
  };
  /// The range that begins at `memory`, or null.
  const HostRange* host_range(const void* memory) const;
  void unlock_host(void* memory);
  bool is_host_locked(const void* memory, uint64_t bytes) const;

  /// What is mapped rather than allocated; find() looks there too.
  VirtualMemory virtual_memory;

 private:
  std::map<uint64_t, Block> blocks_;  ///< by address
  std::map<uint64_t, HostRange> host_;
};

}  // namespace corun::simgpu::driver
