#include "gpu/switch_buffer.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string_view>

#include "core/abi/sim.h"
#include "core/fd.h"
#include "core/log.h"

namespace corun::gpu {

namespace {

constexpr char kControlFile[] = "/dev/nvidiactl";
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kRecordsBytes = SwitchBuffer::kRecords * sizeof(rm::SwitchEvent);

constexpr int kShown = 8;  // of the first records, in the log

// Handles are the client's to choose.
constexpr uint32_t kDevice = 0xc0de0001;
constexpr uint32_t kSubdevice = 0xc0de0002;
constexpr uint32_t kHeaderMemory = 0xc0de0010;
constexpr uint32_t kRecordsMemory = 0xc0de0011;
constexpr uint32_t kBuffer = 0xc0de0020;

class SystemCalls final : public DeviceCalls {
 public:
  int open(const char* path) override { return ::open(path, O_RDWR | O_CLOEXEC); }
  int ioctl(int fd, unsigned long request, void* argument) override {
    return ::ioctl(fd, request, argument);
  }
};

std::string_view status_name(uint32_t status) {
  switch (status) {
    case rm::kInsufficientPermissions:
      return "insufficient permissions";
    case rm::kInvalidArgument:
      return "invalid argument";
    case rm::kInvalidClass:
      return "unknown class";
    case rm::kInvalidObjectHandle:
      return "invalid handle";
    case rm::kNotSupported:
      return "not supported";
    case rm::kObjectNotFound:
      return "not found";
    default:
      return "refused";
  }
}

std::string_view reason_name(uint32_t reason) {
  switch (reason) {
    case rm::kBindGpuTooOld:
      return ": the GPU is too old";
    case rm::kBindNotEnabledOnGpu:
      return ": not enabled on this GPU";
    case rm::kBindNotEnabled:
      return ": not enabled";
    case rm::kBindNeedsAdmin:
      return ": only for root here";
    case rm::kBindNeedsCapability:
      return ": the hypervisor does not allow it";
    default:
      return "";
  }
}

/// The word that the kernel module writes last: what it points behind is written.
uint32_t load(const uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }
uint64_t load(const uint64_t& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }

/// Memory of the kernel module, mapped for reading.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (address_ != nullptr) munmap(address_, bytes_);
  }
  bool map(int fd, size_t bytes) {
    void* address = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) return false;
    address_ = address;
    bytes_ = bytes;
    return true;
  }
  template <typename T>
  const T* as() const {
    return static_cast<const T*>(address_);
  }

 private:
  void* address_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace

DeviceCalls& DeviceCalls::kernel() {
  static SystemCalls calls;
  return calls;
}

/// The client and what it holds; closing the control file gives all of it back.
struct SwitchBuffer::State {
  explicit State(DeviceCalls& the_calls) : calls(the_calls) {}

  Status open_files(int minor);
  Status find_device(const std::string& pci_bus_id, uint32_t* instance);
  Status make_objects(uint32_t instance);
  Status make_memory(uint32_t handle, size_t bytes, Mapping& mapping, Fd& file);
  Status make_buffer();

  template <typename Argument>
  Status device_call(const char* step, int fd, unsigned number, Argument& argument);
  Status alloc(const char* step, uint32_t parent, uint32_t handle, uint32_t object_class,
               void* parameters);
  template <typename Parameters>
  Status control(const char* step, uint32_t object, uint32_t command, Parameters* parameters);
  Status control_bytes(const char* step, uint32_t object, uint32_t command, void* parameters,
                       uint32_t bytes);

  DeviceCalls& calls;
  Fd control_file;
  Fd device_file;
  Fd header_file;
  Fd records_file;
  uint32_t client = 0;
  uint32_t get = 0;
  int shown = 0;       ///< records in the log
  bool quiet = false;  ///< steps that go well are not logged: they come ten times a second
  Mapping header;
  Mapping records;
};

template <typename Argument>
Status SwitchBuffer::State::device_call(const char* step, int fd, unsigned number,
                                        Argument& argument) {
  errno = 0;
  const int result = calls.ioctl(fd, rm::request(number, sizeof argument), &argument);
  const int error = errno;
  if constexpr (requires { argument.status; }) {
    if (!quiet || result != 0 || argument.status != rm::kOk) {
      log::debug("context switches: {}: returned {} errno {} status {:#x}", step, result, error,
                 argument.status);
    }
    if (result == 0 && argument.status != rm::kOk) {
      return unsupported(
          fmt::format("the driver does not tell its context switches: {}: {} ({:#x})", step,
                      status_name(argument.status), argument.status));
    }
  } else {
    log::debug("context switches: {}: returned {} errno {}", step, result, error);
  }
  if (result == 0) return {};
  return unsupported(fmt::format("the driver does not tell its context switches: {}: {}", step,
                                 std::strerror(error)));
}

Status SwitchBuffer::State::alloc(const char* step, uint32_t parent, uint32_t handle,
                                  uint32_t object_class, void* parameters) {
  rm::Alloc call{};
  call.root = client;
  call.parent = parent;
  call.object = handle;
  call.object_class = object_class;
  call.parameters = reinterpret_cast<uint64_t>(parameters);
  // A size of 0: the module takes that of its own version.
  CORUN_TRY(device_call(step, control_file.get(), rm::kAllocNumber, call));
  if (object_class == rm::kRootClass) client = call.object;
  return {};
}

Status SwitchBuffer::State::control_bytes(const char* step, uint32_t object, uint32_t command,
                                          void* parameters, uint32_t bytes) {
  rm::Control call{};
  call.client = client;
  call.object = object;
  call.command = command;
  call.parameters = reinterpret_cast<uint64_t>(parameters);
  call.parameters_size = bytes;
  return device_call(step, control_file.get(), rm::kControlNumber, call);
}

template <typename Parameters>
Status SwitchBuffer::State::control(const char* step, uint32_t object, uint32_t command,
                                    Parameters* parameters) {
  return control_bytes(step, object, command, parameters, sizeof *parameters);
}

Status SwitchBuffer::State::open_files(int minor) {
  const auto open_file = [this](const std::string& path) -> Result<Fd> {
    errno = 0;
    Fd file(calls.open(path.c_str()));
    const int error = file ? 0 : errno;
    log::debug("context switches: open {}: {} errno {}", path, file.get(), error);
    if (file) return file;
    return unsupported("cannot open " + path + ": " + std::strerror(error));
  };
  CORUN_ASSIGN(control_file, open_file(kControlFile));
  CORUN_ASSIGN(device_file, open_file("/dev/nvidia" + std::to_string(minor)));
  rm::Register call{control_file.get()};
  CORUN_TRY(device_call("register file", device_file.get(), rm::kRegisterNumber, call));
  CORUN_ASSIGN(header_file, open_file(kControlFile));  // each serves one mapping
  CORUN_ASSIGN(records_file, open_file(kControlFile));
  return {};
}

/// The module counts devices in an order of its own: the PCI address tells which is which.
Status SwitchBuffer::State::find_device(const std::string& pci_bus_id, uint32_t* instance) {
  rm::AttachedIds attached{};
  CORUN_TRY(control("attached devices", client, rm::kGetAttachedIds, &attached));
  const auto* const end = std::find(std::begin(attached.ids), std::end(attached.ids), rm::kNoId);
  const bool only_one = end - std::begin(attached.ids) == 1;
  const std::string wanted = normal_pci_bus_id(pci_bus_id);
  for (const auto* id = std::begin(attached.ids); id != end; ++id) {
    rm::PciInfo pci{};
    pci.id = *id;
    const bool told = control("PCI address", client, rm::kGetPciInfo, &pci).has_value();
    if (!told && !only_one) continue;
    const std::string address =
        fmt::format("{:08X}:{:02X}:{:02X}.0", pci.domain, pci.bus, pci.slot);
    log::debug("context switches: device {:#x} is at {}", *id, address);
    if (told && address != wanted) continue;
    rm::IdInfo info{};
    info.id = *id;
    CORUN_TRY(control("device instance", client, rm::kGetIdInfo, &info));
    *instance = info.device;
    return {};
  }
  return unsupported("the driver has no device at " + wanted + " to tell context switches of");
}

Status SwitchBuffer::State::make_objects(uint32_t instance) {
  rm::DeviceParameters device{};
  device.device = instance;
  device.client_share = client;
  CORUN_TRY(alloc("device", client, kDevice, rm::kDeviceClass, &device));
  uint32_t subdevice = 0;
  CORUN_TRY(alloc("subdevice", kDevice, kSubdevice, rm::kSubdeviceClass, &subdevice));
  CORUN_TRY(make_memory(kHeaderMemory, kHeaderBytes, header, header_file));
  return make_memory(kRecordsMemory, kRecordsBytes, records, records_file);
}

Status SwitchBuffer::State::make_memory(uint32_t handle, size_t bytes, Mapping& mapping, Fd& file) {
  const auto make = [&](uint32_t attributes) {
    rm::MemoryParameters memory{};
    memory.size = bytes;
    memory.attributes = attributes;
    memory.attributes2 = rm::kMemoryUserReadOnly;
    return alloc("memory", client, handle, rm::kMemoryClass, &memory);
  };
  // Uncached memory costs 0.1 us a word that is read.
  if (!make(rm::kMemoryCached)) CORUN_TRY(make(0));
  rm::MapMemory map{};
  map.client = client;
  map.device = client;
  map.memory = handle;
  map.length = bytes;
  map.flags = rm::kMapReadOnly;
  map.file = file.get();
  CORUN_TRY(device_call("map", control_file.get(), rm::kMapMemoryNumber, map));
  const bool mapped = mapping.map(file.get(), bytes);
  log::debug("context switches: mmap {} bytes: {}", bytes, mapped ? "ok" : std::strerror(errno));
  if (mapped) return {};
  return unsupported(std::string("cannot map the driver's record of context switches: ") +
                     std::strerror(errno));
}

Status SwitchBuffer::State::make_buffer() {
  rm::EventBufferParameters buffer{};
  buffer.record_bytes = sizeof(rm::SwitchEvent);
  buffer.record_count = kRecords;
  buffer.subdevice = kSubdevice;
  buffer.header_memory = kHeaderMemory;
  buffer.records_memory = kRecordsMemory;
  CORUN_TRY(alloc("event buffer", client, kBuffer, rm::kEventBufferClass, &buffer));
  rm::BindSwitchEvents bind{};
  bind.event_buffer = kBuffer;
  bind.record_bytes = sizeof(rm::SwitchEvent);
  bind.detail = rm::kDetailSimple;
  bind.all_users = 1;
  if (Status bound = control("bind", kSubdevice, rm::kBindSwitchEvents, &bind); !bound) {
    return unsupported(bound.error().what + std::string(reason_name(bind.reason)));
  }
  rm::EnableEvents enable{1, {}, rm::kKeepOldest};
  CORUN_TRY(control("enable", kBuffer, rm::kEnableEvents, &enable));
  return control_bytes("flush", kBuffer, rm::kFlushEvents, nullptr, 0);
}

SwitchBuffer::SwitchBuffer(std::unique_ptr<State> state) : state_(std::move(state)) {}
SwitchBuffer::SwitchBuffer(SwitchBuffer&&) noexcept = default;
SwitchBuffer& SwitchBuffer::operator=(SwitchBuffer&&) noexcept = default;
SwitchBuffer::~SwitchBuffer() = default;

Result<SwitchBuffer> SwitchBuffer::open(const GpuInfo& gpu) {
  if (gpu.simulated && dlsym(RTLD_DEFAULT, sim::kAttachSymbol) == nullptr) {
    return unsupported("a simulated GPU's device files need libsimdev.so preloaded");
  }
  if (gpu.mig_mode == "enabled") return unsupported("the GPU is divided by MIG");
  return open(DeviceAddress{device_minor(gpu), gpu.pci_bus_id});
}

Result<SwitchBuffer> SwitchBuffer::open(const DeviceAddress& gpu, DeviceCalls& calls) {
  auto state = std::make_unique<State>(calls);
  CORUN_TRY(state->open_files(gpu.minor));
  CORUN_TRY(state->alloc("client", 0, 0, rm::kRootClass, nullptr));
  uint32_t instance = 0;
  CORUN_TRY(state->find_device(gpu.pci_bus_id, &instance));
  CORUN_TRY(state->make_objects(instance));
  CORUN_TRY(state->make_buffer());
  state->quiet = true;
  return SwitchBuffer(std::move(state));
}

Result<SwitchBatch> SwitchBuffer::read() {
  State& state = *state_;
  SwitchBatch batch;
  batch.read_at = monotonic_now();
  CORUN_TRY(state.control_bytes("flush", kBuffer, rm::kFlushEvents, nullptr, 0));
  const auto* header = state.header.as<rm::EventHeader>();
  const auto* records = state.records.as<rm::SwitchEvent>();
  const uint32_t put = load(header->put);
  if (put >= kRecords) {
    return failed(fmt::format("the driver's record of context switches is broken: put {}", put));
  }
  if (put >= state.get) {
    batch.records.assign(records + state.get, records + put);
  } else {
    batch.records.assign(records + state.get, records + kRecords);
    batch.records.insert(batch.records.end(), records, records + put);
  }
  batch.lost = load(header->dropped);
  for (const rm::SwitchEvent& one : batch.records) {
    if (state.shown == kShown) break;
    ++state.shown;
    log::debug("context switches: record type {} tag {} pid {} context {:#x} at {}", one.type,
               one.tag, one.pid, one.context, one.timestamp_ns);
  }
  if (put == state.get && batch.lost == 0) return batch;
  if (batch.lost > 0) log::debug("context switches: {} records lost", batch.lost);
  rm::UpdateGet update{put, 0};
  CORUN_TRY(state.control("update get", kBuffer, rm::kUpdateGet, &update));
  state.get = put;
  return batch;
}

}  // namespace corun::gpu
