// What device memory this process holds, by device: the count behind the memory limit.
//
// A request is reserved before the driver is called (so that two threads cannot pass the limit
// together), then committed under its address or handle, or cancelled when the driver refused it.
// Frees of unknown addresses change nothing. Bytes are counted as asked for, rounded up to the
// granule of their kind; context overhead, code and local memory are not counted.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/shim/abi.h"
#include "engine/shim/lock.h"
#include "engine/shim/settings.h"

namespace corun::shim {

enum class MemoryKind : uint32_t {
  kNone,
  kLinear,    ///< cuMemAlloc and its kin, by address
  kPhysical,  ///< cuMemCreate and imports, by handle; lives while referred to or mapped
  kMapping,   ///< cuMemMap, by address: holds a reference to its handle
  kArray,
  kMipmappedArray,
  kIpc,       ///< memory of another process, by address
  kExternal,  ///< imported external memory, by handle
};

struct Holding {
  MemoryKind kind = MemoryKind::kNone;
  int device = 0;
  uint64_t key = 0;
  uint64_t bytes = 0;               ///< counted; of a mapping: its length
  uint64_t target = 0;              ///< of a mapping: the handle
  uint32_t references = 1;          ///< handles, opens and mappings of it
  ContextHandle context = nullptr;  ///< dies with it; null: does not die with a context
};

/// Rounds up to a multiple of `granule`, a power of two; saturates.
constexpr uint64_t round_up(uint64_t bytes, uint64_t granule) {
  return bytes > UINT64_MAX - granule ? UINT64_MAX - granule + 1
                                      : (bytes + granule - 1) & ~(granule - 1);
}

/// Bytes of an array; formats as in CUarray_format. `levels` of a mipmapped array, otherwise 1.
uint64_t array_bytes(const cuda::Array3dDescription& array, unsigned levels);

class MemoryBook {
 public:
  /// Counts `bytes` on `device` unless that passes `limit` (0: none).
  bool reserve(int device, uint64_t bytes, uint64_t limit);
  void cancel(int device, uint64_t bytes) { uncount(device, bytes); }
  /// Enters a reserved holding. If the process has no memory for the entry, it is uncounted.
  void commit(const Holding& holding);
  /// Takes an entry out before the driver is asked to free it (after it, the address may already
  /// be someone else's). It stays counted until released().
  bool take(MemoryKind kind, uint64_t key, Holding* taken);
  void put_back(const Holding& holding) { insert(holding); }
  void released(const Holding& holding) { uncount(holding.device, holding.bytes); }

  /// One more reference to an entry; false if there is none.
  bool add_reference(MemoryKind kind, uint64_t key);
  /// One reference less; uncounts and removes the entry when it was the last.
  void drop_reference(MemoryKind kind, uint64_t key);
  /// The device of an entry, and its bytes; false if there is none.
  bool find(MemoryKind kind, uint64_t key, Holding* found);
  /// Grows an entry that was reserved for `bytes` in all.
  void grow(MemoryKind kind, uint64_t key, uint64_t bytes);

  /// All that dies with a context is uncounted.
  void forget_context(ContextHandle context);
  uint64_t used(int device) const { return used_[device].load(std::memory_order_relaxed); }
  /// In the child of a fork: it holds nothing.
  void reset();

 private:
  Holding* lookup(MemoryKind kind, uint64_t key);
  bool insert(const Holding& holding);
  bool insert_locked(const Holding& holding);
  bool make_room();
  void remove(Holding* entry);
  void uncount(int device, uint64_t bytes);

  std::atomic<uint64_t> used_[kMaxDevices] = {};
  Lock lock_;
  // Guarded by lock_: open addressing, capacity a power of two.
  Holding* table_ = nullptr;
  uint64_t capacity_ = 0;
  uint64_t count_ = 0;
};

}  // namespace corun::shim
