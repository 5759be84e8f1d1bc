#include "simgpu/driver/virtual_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace corun::simgpu::driver {

namespace {

/// `bytes` of addresses without memory behind them, at a multiple of `alignment`.
std::byte* reserve_addresses(uint64_t bytes, uint64_t alignment) {
  void* made = mmap(nullptr, bytes + alignment, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(made);
  const uint64_t before = (alignment - reinterpret_cast<uint64_t>(made) % alignment) % alignment;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, alignment - before);
  madvise(begin + before, bytes, MADV_DONTFORK);
  return begin + before;
}

}  // namespace

uint64_t VirtualMemory::reserve(uint64_t bytes, uint64_t alignment) {
  std::byte* addresses = reserve_addresses(bytes, alignment);
  std::byte* backing = reserve_addresses(bytes, alignment);
  if (addresses == nullptr || backing == nullptr) {
    if (addresses != nullptr) munmap(addresses, bytes);
    if (backing != nullptr) munmap(backing, bytes);
    return 0;
  }
  const auto address = reinterpret_cast<uint64_t>(addresses);
  ranges_[address] = {bytes, backing, {}};
  return address;
}

bool VirtualMemory::unreserve(uint64_t address, uint64_t bytes) {
  const auto found = ranges_.find(address);
  if (found == ranges_.end()) return false;
  const Range& range = found->second;
  if (range.bytes != bytes || !range.mappings.empty()) return false;
  munmap(reinterpret_cast<void*>(address), bytes);  // NOLINT(performance-no-int-to-ptr)
  munmap(range.backing, bytes);
  ranges_.erase(found);
  return true;
}

uint64_t VirtualMemory::create(uint64_t bytes, uint32_t allocation, uint32_t context) {
  Physical physical;
  physical.memory = Fd(memfd_create("corun-simulated-memory", MFD_CLOEXEC));
  if (!physical.memory || ftruncate(physical.memory.get(), static_cast<off_t>(bytes)) != 0) {
    return 0;
  }
  physical.bytes = bytes;
  physical.allocation = allocation;
  physical.context = context;
  physicals_[++last_handle_] = std::move(physical);
  return last_handle_;
}

bool VirtualMemory::retain(uint64_t handle) {
  const auto found = physicals_.find(handle);
  if (found == physicals_.end()) return false;
  ++found->second.references;
  return true;
}

uint32_t VirtualMemory::drop_if_unused(std::map<uint64_t, Physical>::iterator physical) {
  if (physical->second.references > 0 || physical->second.mappings > 0) return 0;
  const uint32_t allocation = physical->second.allocation;
  physicals_.erase(physical);
  return allocation;
}

std::optional<uint32_t> VirtualMemory::release(uint64_t handle) {
  const auto found = physicals_.find(handle);
  if (found == physicals_.end() || found->second.references == 0) return std::nullopt;
  --found->second.references;
  return drop_if_unused(found);
}

std::map<uint64_t, VirtualMemory::Range>::iterator VirtualMemory::range_of(uint64_t address,
                                                                           uint64_t bytes) {
  auto found = ranges_.upper_bound(address);
  if (found == ranges_.begin()) return ranges_.end();
  --found;
  const uint64_t offset = address - found->first;
  const bool within = offset < found->second.bytes && bytes <= found->second.bytes - offset;
  return within ? found : ranges_.end();
}

uint64_t VirtualMemory::handle_at(uint64_t address) const {
  auto found = ranges_.upper_bound(address);
  if (found == ranges_.begin()) return 0;
  --found;
  const uint64_t offset = address - found->first;
  auto mapping = found->second.mappings.upper_bound(offset);
  if (mapping == found->second.mappings.begin()) return 0;
  --mapping;
  return offset - mapping->first < mapping->second.bytes ? mapping->second.handle : 0;
}

bool VirtualMemory::map(uint64_t address, uint64_t bytes, uint64_t handle) {
  const auto range = range_of(address, bytes);
  const auto physical = physicals_.find(handle);
  if (range == ranges_.end() || physical == physicals_.end()) return false;
  if (physical->second.references == 0 || bytes > physical->second.bytes) return false;
  const uint64_t offset = address - range->first;
  auto& mappings = range->second.mappings;
  const auto behind = mappings.lower_bound(offset);
  if (behind != mappings.end() && behind->first < offset + bytes) return false;
  if (behind != mappings.begin()) {
    const auto before = std::prev(behind);
    if (before->first + before->second.bytes > offset) return false;
  }
  void* made = mmap(range->second.backing + offset, bytes, PROT_NONE, MAP_SHARED | MAP_FIXED,
                    physical->second.memory.get(), 0);
  if (made == MAP_FAILED) return false;
  madvise(made, bytes, MADV_DONTFORK);
  ++physical->second.mappings;
  mappings[offset] = {bytes, handle, false};
  return true;
}

bool VirtualMemory::unmap(uint64_t address, uint64_t bytes, std::vector<uint32_t>& freed) {
  const auto range = range_of(address, bytes);
  if (range == ranges_.end()) return false;
  const uint64_t offset = address - range->first;
  auto& mappings = range->second.mappings;
  uint64_t reached = offset;
  auto last = mappings.find(offset);
  while (last != mappings.end() && last->first == reached && reached < offset + bytes) {
    reached += last->second.bytes;
    ++last;
  }
  if (reached != offset + bytes) return false;
  void* const unmapped = mmap(range->second.backing + offset, bytes, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  if (unmapped == MAP_FAILED) return false;
  for (auto it = mappings.find(offset); it != last; it = mappings.erase(it)) {
    const auto physical = physicals_.find(it->second.handle);
    --physical->second.mappings;
    if (const uint32_t allocation = drop_if_unused(physical)) freed.push_back(allocation);
  }
  return true;
}

bool VirtualMemory::set_access(uint64_t address, uint64_t bytes, bool accessible) {
  const auto range = range_of(address, bytes);
  if (range == ranges_.end()) return false;
  const uint64_t offset = address - range->first;
  auto& mappings = range->second.mappings;
  uint64_t reached = offset;
  for (auto it = mappings.find(offset); it != mappings.end() && it->first == reached; ++it) {
    reached += it->second.bytes;
    if (reached >= offset + bytes) break;
  }
  if (reached != offset + bytes) return false;
  mprotect(range->second.backing + offset, bytes, accessible ? PROT_READ | PROT_WRITE : PROT_NONE);
  for (auto it = mappings.find(offset); it != mappings.end() && it->first < reached; ++it) {
    it->second.accessible = accessible;
  }
  return true;
}

void VirtualMemory::forget_context(uint32_t context) {
  for (auto& [handle, physical] : physicals_) {
    if (physical.context == context) physical.allocation = 0;
  }
}

std::byte* VirtualMemory::find(uint64_t address, uint64_t bytes) const {
  auto range = ranges_.upper_bound(address);
  if (range == ranges_.begin()) return nullptr;
  --range;
  const uint64_t offset = address - range->first;
  if (offset >= range->second.bytes || bytes > range->second.bytes - offset) return nullptr;
  const auto& mappings = range->second.mappings;
  auto it = mappings.upper_bound(offset);
  if (it == mappings.begin()) return nullptr;
  uint64_t reached = offset;
  for (--it; it != mappings.end() && it->first <= reached; ++it) {
    const uint64_t end = it->first + it->second.bytes;
    if (!it->second.accessible || end <= reached) return nullptr;
    reached = end;
    if (reached >= offset + bytes) return range->second.backing + offset;
  }
  return nullptr;
}

}  // namespace corun::simgpu::driver
