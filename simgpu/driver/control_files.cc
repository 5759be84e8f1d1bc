#include "simgpu/driver/control_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>

#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver {

namespace {

constexpr std::string_view kControlPath = "/dev/nvidiactl";
constexpr std::string_view kDevicePrefix = "/dev/nvidia";
constexpr uint32_t kFirstClient = 0xc1d00000;
constexpr uint64_t kMostMemory = 16U << 20;

/// The parameters of a call; null where their size is not that of T. Allocations may leave it out.
template <typename T>
T* parameters(const rm::Alloc& call) {
  const bool fits = call.parameters_size == 0 || call.parameters_size == sizeof(T);
  return call.parameters != 0 && fits ? pointer<T>(call.parameters) : nullptr;
}
template <typename T>
T* parameters(const rm::Control& call) {
  const bool fits = call.parameters_size == sizeof(T);
  return call.parameters != 0 && fits ? pointer<T>(call.parameters) : nullptr;
}

/// The object of this handle, if there is one of kind T.
template <typename T, typename Client>
T* find(Client& client, uint32_t handle) {
  const auto object = client.find(handle);
  return object == client.end() ? nullptr : std::get_if<T>(&object->second);
}

std::optional<ino_t> inode_of(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return std::nullopt;
  return file.st_ino;
}

}  // namespace

ControlFiles::Memory::~Memory() {
  if (address != nullptr) munmap(address, bytes);
}

bool ControlFiles::open(const char* path, int* result) {
  const std::string_view name = path;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised() || !name.starts_with(kDevicePrefix)) return false;
  const bool control = name == kControlPath;
  if (!control) {
    const std::string_view number = name.substr(kDevicePrefix.size());
    uint32_t minor = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), minor);
    if (error != std::errc() || end != number.data() + number.size()) return false;
    if (minor >= driver.node_gpus()) {
      errno = ENOENT;
      *result = -1;
      return true;
    }
  }
  *result = driver.control_files.open_file(control);
  return true;
}

int ControlFiles::open_file(bool control) {
  Fd file(memfd_create(control ? "nvidiactl" : "nvidia", MFD_CLOEXEC));
  const auto inode = inode_of(file.get());
  if (!file || !inode) return -1;
  files_[*inode] = control;
  any_.store(true, std::memory_order_release);
  return file.release();
}

bool ControlFiles::owns(int fd) const {
  const auto inode = inode_of(fd);
  return inode && files_.contains(*inode);
}

bool ControlFiles::answer(int fd, unsigned number, size_t size, void* argument, int64_t* takes_ns) {
  const auto inode = inode_of(fd);
  const auto file = inode ? files_.find(*inode) : files_.end();
  if (file == files_.end()) return false;
  const bool control_file = file->second;
  if (number == rm::kRegisterNumber && size == sizeof(rm::Register)) {
    const auto other = inode_of(static_cast<const rm::Register*>(argument)->control_file);
    const auto target = other ? files_.find(*other) : files_.end();
    return target != files_.end() && target->second && target != file;
  }
  if (!control_file) return false;
  if (number == rm::kAllocNumber && size == sizeof(rm::Alloc)) {
    auto& call = *static_cast<rm::Alloc*>(argument);
    call.status = alloc(call);
    return true;
  }
  if (number == rm::kControlNumber && size == sizeof(rm::Control)) {
    auto& call = *static_cast<rm::Control*>(argument);
    call.status = control(call, takes_ns);
    return true;
  }
  if (number == rm::kMapMemoryNumber && size == sizeof(rm::MapMemory)) {
    auto& call = *static_cast<rm::MapMemory*>(argument);
    call.status = map(call);
    return true;
  }
  return false;
}

// --- objects ---

uint32_t ControlFiles::alloc(rm::Alloc& call) {
  if (call.object_class == rm::kRootClass) {
    if (call.object == 0) call.object = kFirstClient + ++last_client_;
    const bool added = clients_.try_emplace(call.object).second;
    return added ? rm::kOk : rm::kInvalidObjectHandle;
  }
  const auto client = clients_.find(call.root);
  if (client == clients_.end() || call.object == 0 || client->second.contains(call.object)) {
    return rm::kInvalidObjectHandle;
  }
  uint32_t status = rm::kInvalidArgument;
  std::optional<Object> made = make(client->second, call, &status);
  if (!made) return status;
  client->second.emplace(call.object, std::move(*made));
  return rm::kOk;
}

std::optional<ControlFiles::Object> ControlFiles::make(Client& client, const rm::Alloc& call,
                                                       uint32_t* status) {
  const bool of_client = call.parent == call.root;
  switch (call.object_class) {
    case rm::kDeviceClass: {
      const auto* wanted = parameters<rm::DeviceParameters>(call);
      if (!of_client || wanted == nullptr || wanted->device >= Driver::get().node_gpus()) break;
      return Device{wanted->device};
    }
    case rm::kSubdeviceClass: {
      const auto* wanted = parameters<uint32_t>(call);
      const auto* device = find<Device>(client, call.parent);
      if (device == nullptr || wanted == nullptr || *wanted != 0) break;
      return Subdevice{device->gpu};
    }
    case rm::kMemoryClass: {
      const auto* wanted = parameters<rm::MemoryParameters>(call);
      if (!of_client || wanted == nullptr || wanted->size == 0 || wanted->size > kMostMemory) break;
      auto memory = std::make_shared<Memory>();
      memory->file = Fd(memfd_create("nvidia-memory", MFD_CLOEXEC));
      if (ftruncate(memory->file.get(), static_cast<off_t>(wanted->size)) != 0) break;
      void* address =
          mmap(nullptr, wanted->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->file.get(), 0);
      if (address == MAP_FAILED) break;
      memory->bytes = wanted->size;
      memory->address = address;
      memory->read_only = (wanted->attributes2 & rm::kMemoryUserReadOnly) != 0;
      return memory;
    }
    case rm::kEventBufferClass: {
      const auto* wanted = parameters<rm::EventBufferParameters>(call);
      if (!of_client || wanted == nullptr) break;
      return make_buffer(client, *wanted);
    }
    default:
      *status = rm::kInvalidClass;
  }
  return std::nullopt;
}

std::optional<ControlFiles::Object> ControlFiles::make_buffer(
    Client& client, const rm::EventBufferParameters& wanted) {
  const auto* subdevice = find<Subdevice>(client, wanted.subdevice);
  const auto* header = find<std::shared_ptr<Memory>>(client, wanted.header_memory);
  const auto* records = find<std::shared_ptr<Memory>>(client, wanted.records_memory);
  if (subdevice == nullptr || header == nullptr || records == nullptr) return std::nullopt;
  const bool fits = wanted.record_bytes == sizeof(rm::SwitchEvent) && wanted.record_count > 1 &&
                    uint64_t{wanted.record_count} * wanted.record_bytes <= (*records)->bytes &&
                    (*header)->bytes >= sizeof(rm::EventHeader);
  if (!fits || !(*header)->read_only || !(*records)->read_only) return std::nullopt;
  return Buffer{.header = *header,
                .records = *records,
                .count = wanted.record_count,
                .enabled = false,
                .gpu = subdevice->gpu,
                .since = 0,
                .sequence = 0};
}

/// The file becomes one of the memory itself, so that mmap(2) needs no help.
uint32_t ControlFiles::map(const rm::MapMemory& call) {
  const auto client = clients_.find(call.client);
  if (client == clients_.end() || call.device != call.client) return rm::kInvalidObjectHandle;
  const auto* memory = find<std::shared_ptr<Memory>>(client->second, call.memory);
  if (memory == nullptr) return rm::kInvalidObjectHandle;
  const auto inode = inode_of(call.file);
  if (call.length != (*memory)->bytes || !inode || !files_.contains(*inode)) {
    return rm::kInvalidArgument;
  }
  const std::string name = "/proc/self/fd/" + std::to_string((*memory)->file.get());
  const int flags = (*memory)->read_only ? O_RDONLY : O_RDWR;
  const Fd file(::open(name.c_str(), flags | O_CLOEXEC));
  if (!file || dup3(file.get(), call.file, O_CLOEXEC) < 0) return rm::kInvalidArgument;
  files_.erase(*inode);
  return rm::kOk;
}

// --- controls ---

uint32_t ControlFiles::control(const rm::Control& call, int64_t* takes_ns) {
  const auto client = clients_.find(call.client);
  if (client == clients_.end()) return rm::kInvalidObjectHandle;
  if (call.object == call.client) return control_client(call);
  if (const auto* subdevice = find<Subdevice>(client->second, call.object)) {
    if (call.command != rm::kBindSwitchEvents) return rm::kNotSupported;
    return bind(client->second, subdevice->gpu, call);
  }
  if (auto* buffer = find<Buffer>(client->second, call.object)) {
    return control_buffer(*buffer, call, takes_ns);
  }
  return rm::kInvalidObjectHandle;
}

/// Devices are named by their PCI bus and slot.
uint32_t ControlFiles::control_client(const rm::Control& call) {
  const Driver& driver = Driver::get();
  const auto gpu_of = [&driver](uint32_t id) {
    return id >> 8 > 0 && id >> 8 <= driver.node_gpus() ? std::optional((id >> 8) - 1)
                                                        : std::nullopt;
  };
  switch (call.command) {
    case rm::kGetAttachedIds: {
      auto* attached = parameters<rm::AttachedIds>(call);
      if (attached == nullptr) return rm::kInvalidArgument;
      std::fill(std::begin(attached->ids), std::end(attached->ids), rm::kNoId);
      for (uint32_t gpu = 0; gpu < driver.node_gpus(); ++gpu) attached->ids[gpu] = (gpu + 1) << 8;
      return rm::kOk;
    }
    case rm::kGetPciInfo: {
      auto* info = parameters<rm::PciInfo>(call);
      if (info == nullptr || !gpu_of(info->id)) return rm::kInvalidArgument;
      info->domain = 0;
      info->bus = static_cast<uint16_t>(info->id >> 8);
      info->slot = 0;
      return rm::kOk;
    }
    case rm::kGetIdInfo: {
      auto* info = parameters<rm::IdInfo>(call);
      const auto gpu = info != nullptr ? gpu_of(info->id) : std::nullopt;
      if (!gpu) return rm::kInvalidArgument;
      info->device = *gpu;
      info->subdevice = 0;
      return rm::kOk;
    }
    default:
      return rm::kNotSupported;
  }
}

uint32_t ControlFiles::bind(Client& client, uint32_t gpu, const rm::Control& call) {
  auto* wanted = parameters<rm::BindSwitchEvents>(call);
  if (wanted == nullptr) return rm::kInvalidArgument;
  wanted->reason = rm::kBindOk;
  auto* buffer = find<Buffer>(client, wanted->event_buffer);
  if (buffer == nullptr || wanted->all_users == 0) return rm::kInvalidArgument;
  wire::Switches ask;
  ask.device = gpu;
  const auto answer = Driver::get().call(wire::Type::kSwitches, ask);
  const auto state = answer ? answer->as<wire::SwitchesState>() : std::nullopt;
  if (!state) {
    wanted->reason = rm::kBindNotEnabledOnGpu;
    return rm::kNotSupported;
  }
  buffer->gpu = gpu;
  buffer->since = state->next;
  return rm::kOk;
}

uint32_t ControlFiles::control_buffer(Buffer& buffer, const rm::Control& call, int64_t* takes_ns) {
  auto& header = *static_cast<rm::EventHeader*>(buffer.header->address);
  switch (call.command) {
    case rm::kEnableEvents: {
      const auto* wanted = parameters<rm::EnableEvents>(call);
      if (wanted == nullptr || wanted->flags != rm::kKeepOldest) return rm::kInvalidArgument;
      buffer.enabled = wanted->enable != 0;
      return rm::kOk;
    }
    case rm::kUpdateGet: {
      const auto* wanted = parameters<rm::UpdateGet>(call);
      if (wanted == nullptr || wanted->record >= buffer.count) return rm::kInvalidArgument;
      header.get = wanted->record;
      header.dropped = 0;
      return rm::kOk;
    }
    case rm::kFlushEvents:
      *takes_ns = Driver::get().flush_ns();
      return flush(buffer);
    default:
      return rm::kNotSupported;
  }
}

/// The ring gets what the GPU did since the last time; what finds no room is dropped.
uint32_t ControlFiles::flush(Buffer& buffer) {
  if (buffer.since == 0) return rm::kOk;
  auto& header = *static_cast<rm::EventHeader*>(buffer.header->address);
  auto* records = static_cast<rm::SwitchEvent*>(buffer.records->address);
  size_t count = wire::kMaxSwitches;
  while (count == wire::kMaxSwitches) {
    wire::Switches ask;
    ask.device = buffer.gpu;
    ask.since = buffer.since;
    const auto answer = Driver::get().call(wire::Type::kSwitches, ask);
    const auto state = answer ? answer->as<wire::SwitchesState>() : std::nullopt;
    if (!state) return rm::kNotSupported;
    buffer.since = state->next;
    count = std::min<size_t>(answer->count,
                             (answer->body.size() - sizeof *state) / sizeof(wire::SwitchEntry));
    for (size_t i = 0; i < count && buffer.enabled; ++i) {
      wire::SwitchEntry entry;
      std::memcpy(&entry, answer->body.data() + sizeof *state + i * sizeof entry, sizeof entry);
      const uint32_t next = (header.put + 1) % buffer.count;
      if (next == header.get) {
        ++header.dropped;
        continue;
      }
      rm::SwitchEvent event{};
      event.type = rm::kSwitchEventType;
      event.tag = entry.begins != 0 ? rm::kContextStart : rm::kContextEnd;
      event.sequence = buffer.sequence++;
      event.context = entry.context;
      event.pid = static_cast<uint32_t>(entry.pid);
      event.timestamp_ns = static_cast<uint64_t>(entry.at_ns);
      records[header.put] = event;
      __atomic_store_n(&header.put, next, __ATOMIC_RELEASE);
    }
    header.dropped += state->lost;
  }
  return rm::kOk;
}

}  // namespace corun::simgpu::driver
