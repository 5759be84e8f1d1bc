// The device calls of the drop-in driver (core/abi/rm.h): as the real driver does it, each context
// makes its channel groups through libc's ioctl, so that a preloaded library sees them. The
// descriptor is an empty file of its own; libsimdev.so, where it is preloaded, lets answer() answer
// the calls on it. Without it the calls fail, and contexts have no groups that anybody could steer.
//
// Not thread-safe: under Driver::mutex. answer() takes it itself, as calls come from any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

#include "core/abi/rm.h"
#include "core/fd.h"

namespace corun::simgpu::driver {

class DeviceFile {
 public:
  /// Makes the groups of a context (the server's id): one for kernels, then those of the copy
  /// engines. Returns their handles; none where nobody answers.
  std::vector<uint32_t> make_groups(uint32_t context);
  void free_groups(const std::vector<uint32_t>& groups);

  /// Makes answer() known to libsimdev.so, where it is preloaded; and who opens device files.
  static void attach();
  /// Answers a device call; corun::sim::DeviceCall.
  static bool answer(int fd, unsigned long request, void* argument, int* result);

 private:
  struct Group {
    uint32_t context = 0;
    bool kernels = false;  ///< else a copy engine's, which has no slices in the model
    bool scheduled = false;
    uint64_t timeslice_us = 0;  ///< of a copy engine's group, as set; 0: never
  };

  bool open();
  uint32_t call_alloc(uint32_t root, uint32_t parent, uint32_t object_class, void* parameters,
                      uint32_t size);
  bool is_own(int fd) const;
  static bool answer_control_file(int fd, unsigned long request, void* argument, int* result);
  bool answer_number(unsigned number, size_t size, void* argument);
  void alloc(rm::Alloc& call);
  void control(rm::Control& call);
  void free(rm::Free& call);
  uint32_t group_control(Group& group, const rm::Control& call);
  uint32_t steer(Group& group, uint32_t command, uint64_t& timeslice_us);

  Fd fd_;
  ino_t inode_ = 0;
  dev_t filesystem_ = 0;
  bool tried_ = false;
  uint32_t client_ = 0;  ///< handle of the root object; 0: nobody answers
  uint32_t last_handle_ = 0;
  std::map<uint32_t, Group> groups_;
  int64_t control_ns_ = 0;  ///< how long the latest control takes
};

}  // namespace corun::simgpu::driver
