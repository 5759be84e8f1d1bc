// What this node has that matters for sharing a GPU, as plain values. Collecting changes nothing:
// no mode is set, no daemon is spoken to, no context is made. node_checks.h judges the values.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/gpu.h"
#include "core/result.h"
#include "gpu/driver_files.h"

namespace corun::gpu {

/// The CUDA driver's library, as far as it could be used.
struct DriverFacts {
  std::optional<Error> error;  ///< why it cannot be used; the fields below are then empty
  std::string path;
  int version = 0;  ///< 1000 * major + 10 * minor
  std::optional<std::string> simulated_profile;
  bool versioned_lookup = false;   ///< cuGetProcAddress
  bool checkpoint = false;         ///< cuCheckpointProcess...: park and resume
  bool stream_memory_ops = false;  ///< cuStreamWaitValue32 and -WriteValue32
  bool async_allocation = false;   ///< cuMemAllocAsync
};

struct GpuFacts {
  GpuInfo info;
  std::vector<GpuProcess> processes;
  std::optional<Error> processes_error;  ///< why they cannot be listed
  bool gpm = false;                      ///< SM, tensor and DRAM activity
  bool energy = false;                   ///< energy counter
  bool events = false;                   ///< XIDs
  std::optional<bool> persistence;
  std::optional<uint64_t> clock_reasons;          ///< nvml::kClocks... bits of now
  std::optional<unsigned> application_clock_mhz;  ///< SM, where one is set
  std::optional<int> minor;                       ///< of /dev/nvidiaN
  std::optional<bool> read_only_registration;  ///< of host memory that this process may not write
};

struct DeviceNode {
  std::string path;  ///< "/dev/nvidia0"
  bool exists = false;
  bool usable = false;     ///< by this user, for reading and writing
  bool char_link = false;  ///< /dev/char/MAJOR:MINOR leads to it
  std::string access;      ///< "crw-rw---- root:video"
};

struct NodeFacts {
  DriverFacts driver;
  std::optional<Error> nvml_error;
  std::string driver_version;
  std::vector<GpuFacts> gpus;

  std::vector<DeviceNode> device_nodes;  ///< empty for a simulated driver
  bool systemd = false;                  ///< systemd is the init system
  bool host_pids = true;                 ///< this process is in the host's PID namespace
  bool in_container = false;

  std::map<std::string, std::string> programs;  ///< of kPrograms: name -> path, where found
  std::string mps_control;                      ///< path of the MPS control program, or
  std::optional<Error> mps_error;               ///< why there is none
  std::vector<int> mps_daemons;                 ///< PIDs of MPS control daemons and servers
  std::string mps_default_pipe;                 ///< where programs look without a variable
  bool mps_default_pipe_exists = false;         ///< its control socket
  std::string temporary_folder;
  bool temporary_writable = false;

  int cpus = 0;                        ///< that this process may run on
  std::optional<double> cpu_quota;     ///< CPUs that the cgroup allows
  std::string cpu_governor;            ///< "performance", "powersave"; empty: not told
  std::vector<std::string> cdi_files;  ///< CDI specifications that name an NVIDIA device
};

/// Where to look. Tests point `root` at a folder of their own.
struct NodeSources {
  DriverFiles driver = DriverFiles::from_environment();
  std::filesystem::path root = "/";
};

NodeFacts collect_node_facts(const NodeSources& sources);

}  // namespace corun::gpu
