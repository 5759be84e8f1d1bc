// Reads the driver's record of context switches: which process's context the GPU's compute engine
// took up and left, and when. The kernel module writes it into an event buffer (class 0x90CD) that
// this process makes as a client of its own of /dev/nvidiactl, beside libcuda's.
//
//   open /dev/nvidiactl, /dev/nvidiaN ── client ── device ── subdevice
//                                          ├── memory of header and records (mapped read-only)
//                                          └── event buffer ── bound to the subdevice, enabled
//   read(): flush (the module takes in what the GPU wrote, 0.14 ms) ── copy get..put ── set get
//
// Proven on an H200 with driver 580.159.04 (results/h200/engine-probes, I). Names of other users'
// processes are told to root only. Every step and its status goes to the log at level debug.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "gpu/inventory.h"
#include "gpu/timeline.h"

namespace corun::gpu {

/// The system calls by which a device is reached; tests answer them.
class DeviceCalls {
 public:
  virtual ~DeviceCalls() = default;
  /// As open(2) for reading and writing.
  virtual int open(const char* path) = 0;
  virtual int ioctl(int fd, unsigned long request, void* argument) = 0;
  /// The kernel's.
  static DeviceCalls& kernel();
};

struct DeviceAddress {
  int minor = 0;           ///< of /dev/nvidiaN
  std::string pci_bus_id;  ///< "00000000:1B:00.0"
};

class SwitchBuffer {
 public:
  static constexpr uint32_t kRecords = 8192;  ///< one stays free; 4 s of 1000 switches/s

  /// Of this GPU. Errors (unsupported): it has no device files here, or is divided by MIG, or its
  /// driver refuses a step; the text names it.
  static Result<SwitchBuffer> open(const GpuInfo& gpu);
  static Result<SwitchBuffer> open(const DeviceAddress& gpu,
                                   DeviceCalls& calls = DeviceCalls::kernel());
  SwitchBuffer(SwitchBuffer&&) noexcept;
  SwitchBuffer& operator=(SwitchBuffer&&) noexcept;
  ~SwitchBuffer();

  /// What has come since the last call. May take as long as the kernel module's locks are held by
  /// others. Errors (failed): the buffer is of no use any more.
  Result<SwitchBatch> read();

 private:
  struct State;
  explicit SwitchBuffer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace corun::gpu
