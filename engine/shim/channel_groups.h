// The channel-group tap: learns this process's own channel groups from the ioctls that libcuda
// makes on the kernel module, and says which controls are due. No I/O: preload/ feeds it and
// carries out.
//
// A slice may be set by the owning process on the descriptor that allocated the group, and takes
// effect only once the group has been running for a while (settings.h).
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "engine/shim/abi.h"
#include "engine/shim/lock.h"
#include "engine/shim/settings.h"

namespace corun::shim {

/// What tells one open file from another that got the same number later.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

struct ChannelGroup {
  bool used = false;
  int fd = -1;
  FileIdentity file;
  uint32_t client = 0;
  uint32_t parent = 0;
  uint32_t object = 0;
  int device = -1;            ///< CUDA device; -1: not known
  uint64_t scheduled_ns = 0;  ///< when it was scheduled first; 0: not yet
  uint32_t slice_us = 0;      ///< last one set; 0: none
  uint32_t refused_us = 0;    ///< one that was refused too often; 0: none
  int tries = 0;              ///< refusals in a row
};

class ChannelGroups {
 public:
  /// Whether an ioctl can concern channel groups: cheap, for every call of the process.
  static bool of_interest(unsigned long request);

  /// A successful ioctl on `fd`. `device` is that of the context being made, or -1. True if a group
  /// came, was scheduled or went.
  bool on_ioctl(int fd, const FileIdentity& file, unsigned long request, const void* arguments,
                int device, uint64_t now_ns);

  /// Copies the groups of `device` (unknown ones count as of `any`: a process's only device).
  int list(int device, bool any, ChannelGroup* groups, int capacity);
  /// Outcome of a slice control.
  void slice_was_set(const ChannelGroup& group, uint32_t slice_us, bool accepted);
  void forget(const ChannelGroup& group);
  int count() const { return count_.load(std::memory_order_relaxed); }
  void reset();

 private:
  void allocated(int fd, const FileIdentity& file, uint32_t client, uint32_t parent,
                 uint32_t object, int device);
  bool scheduled(uint32_t client, uint32_t object, uint64_t now_ns);
  bool freed(uint32_t client, uint32_t object);
  ChannelGroup* find(uint32_t client, uint32_t object);
  void drop(ChannelGroup& group);

  Lock lock_;
  ChannelGroup groups_[kMaxChannelGroups];
  std::atomic<int> count_{0};
};

/// When a group is to get slice `wanted_us` (0: leave it): 0 if never, else the time in ns.
uint64_t slice_due_ns(const ChannelGroup& group, uint32_t wanted_us);

}  // namespace corun::shim
