// The kernel module's side of gpu/switch_buffer.h, as far as a test needs it: answers device calls,
// notes the steps, refuses the one that it is told to.
#pragma once

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "core/fd.h"
#include "gpu/switch_buffer.h"

namespace corun::gpu::testing {

class FakeModule final : public DeviceCalls {
 public:
  struct Device {
    uint32_t id, bus, instance;
  };
  std::vector<Device> devices{{0x600, 6, 0}};
  std::string refused;  ///< step
  uint32_t status = rm::kNotSupported;
  uint32_t reason = 0;  ///< of a refused bind
  std::vector<std::string> steps;

  /// Puts a record where the next one belongs, as the module does.
  void add(const rm::SwitchEvent& event) {
    rm::EventHeader header = read_header();
    const uint32_t next = (header.put + 1) % SwitchBuffer::kRecords;
    if (next == header.get) {
      ++header.dropped;
    } else {
      pwrite_all(records_.get(), &event, sizeof event, header.put * sizeof event);
      header.put = next;
    }
    write_header(header);
  }
  void set_put(uint32_t put) {
    rm::EventHeader header = read_header();
    header.put = put;
    write_header(header);
  }

  int open(const char* path) override {
    if (!note(std::string("open ") + path)) {
      errno = ENOENT;
      return -1;
    }
    return memfd_create("fake-module", MFD_CLOEXEC);
  }

  int ioctl(int, unsigned long request, void* argument) override {
    switch (_IOC_NR(request)) {
      case rm::kRegisterNumber:
        if (note("register")) return 0;
        errno = EINVAL;
        return -1;
      case rm::kAllocNumber:
        return alloc(*static_cast<rm::Alloc*>(argument));
      case rm::kControlNumber:
        return control(*static_cast<rm::Control*>(argument));
      case rm::kMapMemoryNumber:
        return map(*static_cast<rm::MapMemory*>(argument));
      default:
        errno = EINVAL;
        return -1;
    }
  }

 private:
  bool note(const std::string& step) {
    steps.push_back(step);
    return step != refused;
  }
  template <typename T>
  static T* at(uint64_t address) {
    return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): as the ABI has it
  }
  static void pwrite_all(int fd, const void* bytes, size_t size, size_t offset) {
    if (pwrite(fd, bytes, size, static_cast<off_t>(offset)) != static_cast<ssize_t>(size)) abort();
  }
  rm::EventHeader read_header() const {
    rm::EventHeader header{};
    if (pread(header_.get(), &header, sizeof header, 0) != sizeof header) abort();
    return header;
  }
  void write_header(const rm::EventHeader& header) {
    pwrite_all(header_.get(), &header, sizeof header, 0);
  }

  int alloc(rm::Alloc& call) {
    std::string step = "alloc ";
    switch (call.object_class) {
      case rm::kRootClass:
        step += "client";
        call.object = 0xc1d00144;
        break;
      case rm::kDeviceClass:
        step += "device " + std::to_string(at<rm::DeviceParameters>(call.parameters)->device);
        break;
      case rm::kSubdeviceClass:
        step += "subdevice";
        break;
      case rm::kMemoryClass: {
        const auto& memory = *at<rm::MemoryParameters>(call.parameters);
        step += memory.attributes == 0 ? "memory" : "cached memory";
        if ((memory.attributes2 & rm::kMemoryUserReadOnly) == 0) step += " writable";
        Fd& file = memory.size == 4096 ? header_ : records_;
        file = Fd(memfd_create("fake-memory", MFD_CLOEXEC));
        if (ftruncate(file.get(), static_cast<off_t>(memory.size)) != 0) abort();
        memory_[call.object] = file.get();
        break;
      }
      case rm::kEventBufferClass: {
        const auto& buffer = *at<rm::EventBufferParameters>(call.parameters);
        step += buffer.subdevice == 0 ? "event buffer of no subdevice" : "event buffer";
        break;
      }
      default:
        step += "unknown";
    }
    call.status = note(step) ? rm::kOk : status;
    return 0;
  }

  int control(rm::Control& call) {
    switch (call.command) {
      case rm::kGetAttachedIds: {
        auto& ids = at<rm::AttachedIds>(call.parameters)->ids;
        std::fill(std::begin(ids), std::end(ids), rm::kNoId);
        for (size_t i = 0; i < devices.size(); ++i) ids[i] = devices[i].id;
        return answer(call, "attached");
      }
      case rm::kGetPciInfo: {
        auto& pci = *at<rm::PciInfo>(call.parameters);
        for (const Device& device : devices) {
          if (device.id == pci.id) pci.bus = static_cast<uint16_t>(device.bus);
        }
        return answer(call, "pci");
      }
      case rm::kGetIdInfo: {
        auto& info = *at<rm::IdInfo>(call.parameters);
        for (const Device& device : devices) {
          if (device.id == info.id) info.device = device.instance;
        }
        return answer(call, "instance");
      }
      case rm::kBindSwitchEvents:
        at<rm::BindSwitchEvents>(call.parameters)->reason = reason;
        return answer(call, "bind");
      case rm::kEnableEvents:
        return answer(call, "enable");
      case rm::kFlushEvents:
        return answer(call, "flush");
      case rm::kUpdateGet: {
        rm::EventHeader header = read_header();
        header.get = at<rm::UpdateGet>(call.parameters)->record;
        header.dropped = 0;
        write_header(header);
        return answer(call, "get " + std::to_string(header.get));
      }
      default:
        return answer(call, "unknown control");
    }
  }
  int answer(rm::Control& call, const std::string& step) {
    call.status = note(step) ? rm::kOk : status;
    return 0;
  }

  int map(rm::MapMemory& call) {
    call.status = note("map") ? rm::kOk : status;
    if (call.status == rm::kOk) dup2(memory_.at(call.memory), call.file);
    return 0;
  }

  Fd header_;
  Fd records_;
  std::map<uint32_t, int> memory_;
};

}  // namespace corun::gpu::testing
