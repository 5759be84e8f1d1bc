#include "engine/shim/memory_book.h"

#include <algorithm>
#include <cstdlib>

namespace corun::shim {

namespace {

uint64_t hash(MemoryKind kind, uint64_t key) {
  const uint64_t mixed = (key ^ static_cast<uint64_t>(kind) << 56) * 0x9E3779B97F4A7C15U;
  return mixed ^ mixed >> 31;
}

/// Bytes of one channel of an array element, CUarray_format.
uint64_t format_bytes(unsigned format) {
  switch (format) {
    case 0x01:
    case 0x08:
      return 1;
    case 0x02:
    case 0x09:
    case 0x10:
      return 2;
    default:  // 32-bit formats; block-compressed and video formats take less
      return 4;
  }
}

uint64_t multiply(uint64_t left, uint64_t right) {
  uint64_t product = 0;
  return __builtin_mul_overflow(left, right, &product) ? UINT64_MAX : product;
}

}  // namespace

uint64_t array_bytes(const cuda::Array3dDescription& array, unsigned levels) {
  uint64_t width = array.width;
  uint64_t height = std::max<uint64_t>(array.height, 1);
  uint64_t depth = std::max<uint64_t>(array.depth, 1);
  uint64_t sum = 0;
  for (unsigned level = 0; level < std::clamp(levels, 1U, 32U); ++level) {
    const uint64_t texels = multiply(multiply(width, height), depth);
    const uint64_t bytes = multiply(multiply(texels, format_bytes(array.format)), array.channels);
    sum = bytes > UINT64_MAX - sum ? UINT64_MAX : sum + bytes;
    width = std::max<uint64_t>(width / 2, 1);
    height = std::max<uint64_t>(height / 2, 1);
    depth = std::max<uint64_t>(depth / 2, 1);
  }
  return sum;
}

bool MemoryBook::reserve(int device, uint64_t bytes, uint64_t limit) {
  uint64_t used = used_[device].load(std::memory_order_relaxed);
  do {
    if (limit != 0 && (used > limit || bytes > limit - used)) {
      return false;
    }
    if (bytes > UINT64_MAX - used) {
      return false;
    }
  } while (!used_[device].compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

void MemoryBook::uncount(int device, uint64_t bytes) {
  used_[device].fetch_sub(bytes, std::memory_order_relaxed);
}

void MemoryBook::commit(const Holding& holding) {
  if (!insert(holding)) {
    uncount(holding.device, holding.bytes);
  }
}

bool MemoryBook::take(MemoryKind kind, uint64_t key, Holding* taken) {
  const Held held(lock_);
  Holding* entry = lookup(kind, key);
  if (entry == nullptr) {
    return false;
  }
  *taken = *entry;
  remove(entry);
  return true;
}

bool MemoryBook::add_reference(MemoryKind kind, uint64_t key) {
  const Held held(lock_);
  Holding* entry = lookup(kind, key);
  if (entry == nullptr) {
    return false;
  }
  ++entry->references;
  return true;
}

void MemoryBook::drop_reference(MemoryKind kind, uint64_t key) {
  const Held held(lock_);
  Holding* entry = lookup(kind, key);
  if (entry == nullptr || --entry->references > 0) {
    return;
  }
  uncount(entry->device, entry->bytes);
  remove(entry);
}

bool MemoryBook::find(MemoryKind kind, uint64_t key, Holding* found) {
  const Held held(lock_);
  const Holding* entry = lookup(kind, key);
  if (entry == nullptr) {
    return false;
  }
  *found = *entry;
  return true;
}

void MemoryBook::grow(MemoryKind kind, uint64_t key, uint64_t bytes) {
  const Held held(lock_);
  Holding* entry = lookup(kind, key);
  if (entry != nullptr) {
    entry->bytes = bytes;
  }
}

void MemoryBook::forget_context(ContextHandle context) {
  const Held held(lock_);
  for (uint64_t index = 0; index < capacity_;) {
    Holding& entry = table_[index];
    if (entry.kind != MemoryKind::kNone && entry.context != nullptr && entry.context == context) {
      if (entry.kind != MemoryKind::kMapping) {
        uncount(entry.device, entry.bytes);
      }
      remove(&entry);  // moves a later entry here, perhaps: look again
    } else {
      ++index;
    }
  }
}

void MemoryBook::reset() {
  lock_.reset();
  for (auto& used : used_) {
    used.store(0, std::memory_order_relaxed);
  }
  free(table_);
  table_ = nullptr;
  capacity_ = 0;
  count_ = 0;
}

Holding* MemoryBook::lookup(MemoryKind kind, uint64_t key) {
  if (capacity_ == 0) {
    return nullptr;
  }
  for (uint64_t at = hash(kind, key);; ++at) {
    Holding& entry = table_[at & (capacity_ - 1)];
    if (entry.kind == MemoryKind::kNone) {
      return nullptr;
    }
    if (entry.kind == kind && entry.key == key) {
      return &entry;
    }
  }
}

bool MemoryBook::insert(const Holding& holding) {
  const Held held(lock_);
  // The driver gave this address: what is still entered under it is gone, unseen by the hooks.
  if (Holding* stale = lookup(holding.kind, holding.key)) {
    if (stale->kind != MemoryKind::kMapping) {
      uncount(stale->device, stale->bytes);
    }
    remove(stale);
  }
  return make_room() && insert_locked(holding);
}

bool MemoryBook::insert_locked(const Holding& holding) {
  uint64_t at = hash(holding.kind, holding.key) & (capacity_ - 1);
  while (table_[at].kind != MemoryKind::kNone) {
    at = (at + 1) & (capacity_ - 1);
  }
  table_[at] = holding;
  ++count_;
  return true;
}

bool MemoryBook::make_room() {
  if (count_ * 2 < capacity_) {
    return true;
  }
  const uint64_t old_capacity = capacity_;
  Holding* const old = table_;
  const uint64_t capacity = old_capacity == 0 ? 256 : old_capacity * 2;
  // Zero bytes are empty entries: kNone is 0.
  auto* const fresh = static_cast<Holding*>(calloc(capacity, sizeof(Holding)));
  if (fresh == nullptr) {
    return count_ < capacity_ - (capacity_ == 0 ? 0 : 1);  // one entry stays empty for lookup()
  }
  table_ = fresh;
  capacity_ = capacity;
  count_ = 0;
  for (uint64_t index = 0; index < old_capacity; ++index) {
    if (old[index].kind != MemoryKind::kNone) {
      insert_locked(old[index]);
    }
  }
  free(old);
  return true;
}

void MemoryBook::remove(Holding* entry) {
  // Close the hole: every entry of the same run that may not stay behind it moves forward.
  auto hole = static_cast<uint64_t>(entry - table_);
  for (uint64_t next = (hole + 1) & (capacity_ - 1);; next = (next + 1) & (capacity_ - 1)) {
    Holding& candidate = table_[next];
    if (candidate.kind == MemoryKind::kNone) {
      break;
    }
    const uint64_t home = hash(candidate.kind, candidate.key) & (capacity_ - 1);
    if (((next - home) & (capacity_ - 1)) >= ((next - hole) & (capacity_ - 1))) {
      table_[hole] = candidate;
      hole = next;
    }
  }
  table_[hole].kind = MemoryKind::kNone;
  --count_;
}

}  // namespace corun::shim
