#include "gpu/node_facts.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "core/cpus.h"
#include "core/environment.h"
#include "core/files.h"
#include "gpu/gpm.h"
#include "gpu/inventory.h"
#include "gpu/mps_control.h"
#include "gpu/processes.h"

namespace corun::gpu {

namespace fs = std::filesystem;

namespace {

constexpr std::array<const char*, 4> kPrograms{"nvidia-smi", "docker", "podman", "nvidia-ctk"};
constexpr char kDefaultPipe[] = "/tmp/nvidia-mps";
// What /proc/PID/comm holds of nvidia-cuda-mps-control and nvidia-cuda-mps-server: 15 characters.
constexpr char kMpsComm[] = "nvidia-cuda-mps";

fs::path below(const fs::path& root, const std::string& absolute) {
  return root / fs::path(absolute).relative_path();
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string first_line(const fs::path& path) {
  const auto text = read_file(path);
  if (!text) return {};
  return (*text).substr(0, (*text).find('\n'));
}

std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// --- driver and GPUs ---

std::unique_ptr<Driver> driver_facts(const DriverFiles& files, DriverFacts* facts) {
  auto loaded = Driver::load(files);
  if (!loaded) {
    facts->error = loaded.error();
    return nullptr;
  }
  std::unique_ptr<Driver> driver = std::move(loaded).value();
  facts->path = driver->path();
  facts->version = driver->version();
  facts->versioned_lookup = driver->cuGetProcAddress != nullptr;
  facts->checkpoint = driver->cuCheckpointProcessCheckpoint != nullptr;
  facts->stream_memory_ops =
      driver->cuStreamWaitValue32 != nullptr && driver->cuStreamWriteValue32 != nullptr;
  facts->async_allocation = driver->cuMemAllocAsync != nullptr;
  const Status ready = init_without_mps(*driver);
  facts->simulated_profile = driver->simulated_profile();
  if (!ready) {
    facts->error = ready.error();
    return nullptr;
  }
  return driver;
}

GpuFacts gpu_facts(const Nvml& nvml, const GpuInfo& info) {
  GpuFacts facts;
  facts.info = info;
  const auto found = nvml.device_by_uuid(info.uuid);
  if (!found) {
    facts.processes_error = found.error();
    return facts;
  }
  const nvml::DeviceHandle device = *found;
  auto processes = ProcessList(nvml, device, info.memory_bytes).read();
  if (processes) {
    facts.processes = std::move(*processes);
  } else {
    facts.processes_error = processes.error();
  }
  facts.gpm = GpmReader::supported(nvml, device);
  facts.energy = Nvml::read<uint64_t>(nvml.nvmlDeviceGetTotalEnergyConsumption, device).has_value();
  facts.events = (Nvml::read<uint64_t>(nvml.nvmlDeviceGetSupportedEventTypes, device).value_or(0) &
                  nvml::kEventXid) != 0;
  if (const auto mode = Nvml::read<nvml::Feature>(nvml.nvmlDeviceGetPersistenceMode, device)) {
    facts.persistence = *mode == nvml::Feature::kEnabled;
  }
  facts.clock_reasons =
      Nvml::read<uint64_t>(nvml.nvmlDeviceGetCurrentClocksThrottleReasons, device);
  facts.application_clock_mhz =
      Nvml::read<unsigned>(nvml.nvmlDeviceGetApplicationsClock, device, nvml::ClockKind::kSm);
  if (const auto minor = Nvml::read<unsigned>(nvml.nvmlDeviceGetMinorNumber, device)) {
    facts.minor = static_cast<int>(*minor);
  }
  return facts;
}

std::optional<bool> read_only_registration(const Driver& driver, int index) {
  constexpr auto kWhich = cuda::DeviceAttribute::kReadOnlyHostRegisterSupported;
  cuda::Device device = 0;
  int value = 0;
  if (driver.cuDeviceGet(&device, index) != cuda::Code::kSuccess) return std::nullopt;
  if (driver.cuDeviceGetAttribute(&value, kWhich, device) != cuda::Code::kSuccess) {
    return std::nullopt;
  }
  return value != 0;
}

void collect_gpus(const DriverFiles& files, NodeFacts* facts) {
  const std::unique_ptr<Driver> driver = driver_facts(files, &facts->driver);
  const auto nvml = Nvml::load(files);
  if (nvml) {
    facts->driver_version = (*nvml)->driver_version().value_or("");
  } else {
    facts->nvml_error = nvml.error();
  }
  if (driver == nullptr) return;
  const auto gpus = list_gpus(*driver, nvml ? (*nvml).get() : nullptr);
  if (!gpus) {
    facts->driver.error = gpus.error();
    return;
  }
  for (const GpuInfo& info : *gpus) {
    if (nvml) {
      facts->gpus.push_back(gpu_facts(**nvml, info));
    } else {
      facts->gpus.emplace_back().info = info;
    }
    facts->gpus.back().read_only_registration = read_only_registration(*driver, info.index);
  }
}

// --- device nodes ---

std::string access_text(const struct stat& status) {
  std::string text = "c";
  constexpr char kBits[] = "rwxrwxrwx";
  for (int bit = 0; bit < 9; ++bit) {
    text += (status.st_mode & (0400U >> bit)) != 0 ? kBits[bit] : '-';
  }
  const passwd* user = getpwuid(status.st_uid);
  text += " " + (user != nullptr ? user->pw_name : std::to_string(status.st_uid));
  const group* group = getgrgid(status.st_gid);
  text += ":" + (group != nullptr ? group->gr_name : std::to_string(status.st_gid));
  return text;
}

DeviceNode device_node(const fs::path& root, const std::string& path) {
  DeviceNode node;
  node.path = path;
  struct stat status {};
  const fs::path real = below(root, path);
  if (stat(real.c_str(), &status) != 0) return node;
  node.exists = true;
  node.usable = access(real.c_str(), R_OK | W_OK) == 0;
  node.access = access_text(status);
  const std::string link = "/dev/char/" + std::to_string(major(status.st_rdev)) + ":" +
                           std::to_string(minor(status.st_rdev));
  node.char_link = is_there(below(root, link));
  return node;
}

void collect_device_nodes(const fs::path& root, NodeFacts* facts) {
  if (facts->driver.simulated_profile) return;
  for (const char* path : {"/dev/nvidiactl", "/dev/nvidia-uvm"}) {
    facts->device_nodes.push_back(device_node(root, path));
  }
  for (const GpuFacts& gpu : facts->gpus) {
    if (!gpu.minor) continue;
    facts->device_nodes.push_back(device_node(root, "/dev/nvidia" + std::to_string(*gpu.minor)));
  }
}

// --- programs, daemons, processors ---

std::map<std::string, std::string> find_programs(const NodeSources& sources) {
  std::vector<fs::path> folders;
  if (!sources.driver.folder.empty()) folders.push_back(sources.driver.folder);
  std::istringstream path(environment("PATH").value_or("/usr/bin:/bin"));
  for (std::string folder; std::getline(path, folder, ':');) {
    if (!folder.empty()) folders.push_back(below(sources.root, folder));
  }
  std::map<std::string, std::string> found;
  for (const char* name : kPrograms) {
    for (const fs::path& folder : folders) {
      if (access((folder / name).c_str(), X_OK) != 0) continue;
      found.emplace(name, (folder / name).string());
      break;
    }
  }
  return found;
}

std::vector<int> mps_daemons(const fs::path& root) {
  std::vector<int> pids;
  for (const fs::path& entry : entries(below(root, "/proc"))) {
    const std::string name = entry.filename().string();
    int pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    if (first_line(entry / "comm") == kMpsComm) pids.push_back(pid);
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

std::vector<std::string> nvidia_cdi_files(const fs::path& root) {
  std::vector<std::string> files;
  for (const char* folder : {"/etc/cdi", "/var/run/cdi"}) {
    for (const fs::path& file : entries(below(root, folder))) {
      const auto text = read_file(file);
      if (text && (*text).find("nvidia.com/") != std::string::npos) {
        files.push_back(std::string(folder) + "/" + file.filename().string());
      }
    }
  }
  return files;
}

void collect_system(const NodeSources& sources, NodeFacts* facts) {
  const fs::path& root = sources.root;
  facts->systemd = is_there(below(root, "/run/systemd/system"));
  facts->host_pids = PidView::of_this_process().host_namespace;
  facts->in_container = is_there(below(root, "/.dockerenv")) ||
                        is_there(below(root, "/run/.containerenv")) ||
                        environment("KUBERNETES_SERVICE_HOST").has_value();
  facts->programs = find_programs(sources);
  if (const auto control = MpsControl::find()) {
    facts->mps_control = (*control).string();
  } else {
    facts->mps_error = control.error();
  }
  facts->mps_daemons = mps_daemons(root);
  facts->mps_default_pipe = environment(kEnvMpsPipe).value_or(kDefaultPipe);
  facts->mps_default_pipe_exists = is_there(below(root, facts->mps_default_pipe) / "control");
  facts->temporary_folder = environment("TMPDIR").value_or("/tmp");
  facts->temporary_writable =
      access(below(root, facts->temporary_folder).c_str(), W_OK | X_OK) == 0;
  facts->cpu_governor =
      first_line(below(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
  facts->cdi_files = nvidia_cdi_files(root);
  if (const auto budget = available_cpus()) {
    facts->cpus = (*budget).cpu_count();
    facts->cpu_quota = (*budget).quota;
  }
}

}  // namespace

NodeFacts collect_node_facts(const NodeSources& sources) {
  NodeFacts facts;
  collect_gpus(sources.driver, &facts);
  collect_device_nodes(sources.root, &facts);
  collect_system(sources, &facts);
  return facts;
}

}  // namespace corun::gpu
