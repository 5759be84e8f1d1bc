// The device files of a simulated node, /dev/nvidiactl and /dev/nvidiaN, for programs that open
// them by themselves; libsimdev.so, where it is preloaded, leads their open(2) and ioctl(2) here. A
// program can be a client of the kernel module beside libcuda, find the devices, and read the
// record of context switches: an event buffer in memory that it maps (core/abi/rm.h).
//
// Answered is what gpu/ of the product asks, in the way that results/h200/engine-probes (I) shows;
// any other call is refused. Not thread-safe: under Driver::mutex.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <variant>

#include "core/abi/rm.h"
#include "core/fd.h"

namespace corun::simgpu::driver {

class ControlFiles {
 public:
  /// corun::sim::DeviceOpen.
  static bool open(const char* path, int* result);
  /// Whether a file was ever opened here; without a lock.
  bool any() const { return any_.load(std::memory_order_acquire); }
  bool owns(int fd) const;
  /// Answers a call on a file that it owns. False: not a call that the device knows. `takes_ns`
  /// becomes how long it takes.
  bool answer(int fd, unsigned number, size_t size, void* argument, int64_t* takes_ns);

 private:
  struct Device {
    uint32_t gpu = 0;  ///< the node's index
  };
  struct Subdevice {
    uint32_t gpu = 0;
  };
  /// Also mapped here, for writing.
  struct Memory {
    Memory() = default;
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory();
    Fd file;
    size_t bytes = 0;
    void* address = nullptr;
    bool read_only = false;
  };
  struct Buffer {
    std::shared_ptr<Memory> header;
    std::shared_ptr<Memory> records;
    uint32_t count = 0;
    bool enabled = false;
    uint32_t gpu = 0;
    uint64_t since = 0;  ///< 0: not bound
    uint16_t sequence = 0;
  };
  using Object = std::variant<Device, Subdevice, std::shared_ptr<Memory>, Buffer>;
  using Client = std::map<uint32_t, Object>;

  int open_file(bool control);
  uint32_t alloc(rm::Alloc& call);
  uint32_t control(const rm::Control& call, int64_t* takes_ns);
  uint32_t control_client(const rm::Control& call);
  uint32_t control_buffer(Buffer& buffer, const rm::Control& call, int64_t* takes_ns);
  uint32_t bind(Client& client, uint32_t gpu, const rm::Control& call);
  uint32_t flush(Buffer& buffer);
  uint32_t map(const rm::MapMemory& call);
  std::optional<Object> make(Client& client, const rm::Alloc& call, uint32_t* status);
  std::optional<Object> make_buffer(Client& client, const rm::EventBufferParameters& wanted);

  std::map<ino_t, bool> files_;  ///< whether it is the control file
  std::atomic<bool> any_{false};
  std::map<uint32_t, Client> clients_;
  uint32_t last_client_ = 0;
};

}  // namespace corun::simgpu::driver
