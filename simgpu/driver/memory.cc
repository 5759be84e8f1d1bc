#include "simgpu/driver/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

namespace corun::simgpu::driver {

namespace {

constexpr uint64_t kSmallestPart = 512;
constexpr uint64_t kLargestPart = kBlockBytes / 2;

void* reserve_pages(uint64_t bytes, int protection) {
  void* address =
      mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  madvise(address, bytes, MADV_DONTFORK);
  return address;
}

}  // namespace

std::optional<Block> Block::reserve(uint64_t bytes, uint32_t allocation, uint32_t context,
                                    bool managed) {
  Block block;
  block.size_ = (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  block.allocation_ = allocation;
  block.context_ = context;
  block.backing_ = static_cast<std::byte*>(reserve_pages(block.size_, PROT_READ | PROT_WRITE));
  block.addresses_ = managed ? block.backing_ : reserve_pages(block.size_, PROT_NONE);
  if (block.addresses_ == nullptr || block.backing_ == nullptr) return std::nullopt;
  madvise(block.backing_, block.size_, MADV_NOHUGEPAGE);  // only touched pages cost memory
  return block;
}

Block::Block(Block&& other) noexcept
    : part_bytes(other.part_bytes),
      parts_used(std::move(other.parts_used)),
      parts_in_use(other.parts_in_use),
      addresses_(std::exchange(other.addresses_, nullptr)),
      backing_(std::exchange(other.backing_, nullptr)),
      size_(other.size_),
      allocation_(other.allocation_),
      context_(other.context_) {}

Block& Block::operator=(Block&& other) noexcept {
  std::swap(part_bytes, other.part_bytes);
  std::swap(parts_used, other.parts_used);
  std::swap(parts_in_use, other.parts_in_use);
  std::swap(addresses_, other.addresses_);
  std::swap(backing_, other.backing_);
  std::swap(size_, other.size_);
  std::swap(allocation_, other.allocation_);
  std::swap(context_, other.context_);
  return *this;
}

Block::~Block() {
  if (addresses_ != nullptr && addresses_ != backing_) munmap(addresses_, size_);
  if (backing_ != nullptr) munmap(backing_, size_);
}

uint64_t MemoryMap::part_size(uint64_t bytes) {
  if (bytes > kLargestPart) return 0;
  uint64_t part = kSmallestPart;
  while (part < bytes) part *= 2;
  return part;
}

uint64_t MemoryMap::take_part(uint32_t context, uint64_t part) {
  for (auto& [address, block] : blocks_) {
    if (block.context() != context || part == 0 || block.part_bytes != part) continue;
    if (block.parts_in_use == block.parts_used.size()) continue;
    const auto free = std::find(block.parts_used.begin(), block.parts_used.end(), false);
    *free = true;
    ++block.parts_in_use;
    return address + static_cast<uint64_t>(free - block.parts_used.begin()) * part;
  }
  return 0;
}

void MemoryMap::add(Block block, uint64_t part_bytes) {
  block.part_bytes = part_bytes;
  if (part_bytes != 0) block.parts_used.assign(kBlockBytes / part_bytes, false);
  blocks_.emplace(block.address(), std::move(block));
}

MemoryMap::Released MemoryMap::release(uint64_t address) {
  auto found = blocks_.upper_bound(address);
  if (found == blocks_.begin()) return {};
  --found;
  Block& block = found->second;
  const uint64_t offset = address - block.address();
  if (block.part_bytes != 0) {
    if (offset >= block.size() || offset % block.part_bytes != 0) return {};
    const size_t part = offset / block.part_bytes;
    if (!block.parts_used[part]) return {};
    block.parts_used[part] = false;
    if (--block.parts_in_use > 0) return {true, 0};
  } else if (offset != 0) {
    return {};
  }
  const Released released{true, block.allocation()};
  blocks_.erase(found);
  return released;
}

void MemoryMap::forget_context(uint32_t context) {
  std::erase_if(blocks_, [&](const auto& entry) { return entry.second.context() == context; });
  virtual_memory.forget_context(context);
}

bool MemoryMap::is_device(uint64_t address) const {
  const auto found = blocks_.upper_bound(address);
  if (found != blocks_.begin()) {
    const Block& block = std::prev(found)->second;
    if (address - block.address() < block.size()) return true;
  }
  return virtual_memory.handle_at(address) != 0;
}

std::byte* MemoryMap::find(uint64_t address, uint64_t bytes) const {
  auto found = blocks_.upper_bound(address);
  if (found != blocks_.begin()) {
    --found;
    const Block& block = found->second;
    const uint64_t offset = address - block.address();
    if (offset < block.size()) {
      const uint64_t limit =
          block.part_bytes == 0 ? block.size() : (offset / block.part_bytes + 1) * block.part_bytes;
      const bool live = block.part_bytes == 0 || block.parts_used[offset / block.part_bytes];
      return live && bytes <= limit - offset ? block.bytes() + offset : nullptr;
    }
  }
  if (std::byte* mapped = virtual_memory.find(address, bytes)) return mapped;
  // Page-locked memory has the same address on both sides.
  auto* host = reinterpret_cast<std::byte*>(address);  // NOLINT(performance-no-int-to-ptr)
  return is_host_locked(host, bytes) ? host : nullptr;
}

void MemoryMap::lock_host(void* memory, uint64_t bytes, bool owned) {
  host_[reinterpret_cast<uint64_t>(memory)] = {bytes, owned};
}

MemoryMap::Protection MemoryMap::host_protection(const void* memory, uint64_t bytes) {
  const auto begin = reinterpret_cast<uint64_t>(memory);
  const uint64_t end = begin + bytes;
  Protection all{true, true};
  uint64_t reached = begin;  // everything before it is mapped
  std::ifstream maps("/proc/self/maps");
  for (std::string line; reached < end && std::getline(maps, line);) {
    uint64_t from = 0;
    uint64_t to = 0;
    char read = '-';
    char write = '-';
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %c%c", &from, &to, &read, &write) != 4 ||
        to <= reached) {
      continue;
    }
    if (from > reached) break;
    all.readable &= read == 'r';
    all.writable &= write == 'w';
    reached = to;
  }
  if (reached < end) return {};
  return all;
}

const MemoryMap::HostRange* MemoryMap::host_range(const void* memory) const {
  const auto found = host_.find(reinterpret_cast<uint64_t>(memory));
  return found == host_.end() ? nullptr : &found->second;
}

void MemoryMap::unlock_host(void* memory) { host_.erase(reinterpret_cast<uint64_t>(memory)); }

bool MemoryMap::is_host_locked(const void* memory, uint64_t bytes) const {
  const auto address = reinterpret_cast<uint64_t>(memory);
  auto found = host_.upper_bound(address);
  if (found == host_.begin()) return false;
  --found;
  const uint64_t offset = address - found->first;
  return offset < found->second.bytes && bytes <= found->second.bytes - offset;
}

}  // namespace corun::simgpu::driver
