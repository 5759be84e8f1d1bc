// Initialisation, devices, error texts.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"
#include "simgpu/driver/limits.h"

namespace corun::simgpu::driver::api {

namespace {

/// The device's description, or null for a bad ordinal or before cuInit.
const wire::DeviceInfo* info_of(const Driver& driver, Device device) {
  if (!driver.initialised() || device < 0) return nullptr;
  const auto index = static_cast<size_t>(device);
  return index < driver.devices().size() ? &driver.devices()[index] : nullptr;
}

/// kSuccess, or why there is no description.
Code device_code(const Driver& driver, Device device) {
  if (!driver.initialised()) return Code::kNotInitialized;
  return info_of(driver, device) == nullptr ? Code::kInvalidDevice : Code::kSuccess;
}

void copy_text(const char* text, char* target, int length) {
  if (length <= 0) return;
  std::snprintf(target, static_cast<size_t>(length), "%s", text);
}

}  // namespace

Code cuInit(unsigned flags) {
  if (flags != 0) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  return driver.init();
}

Code cuDriverGetVersion(int* version) {
  if (version == nullptr) return Code::kInvalidValue;
  *version = wire::kCudaVersion;
  return Code::kSuccess;
}

Code cuGetErrorName(Code code, const char** name) {
  if (name == nullptr) return Code::kInvalidValue;
  switch (static_cast<int>(code)) {
#define CORUN_SIM_NAME(identifier, value, text, meaning) \
  case value:                                            \
    *name = text;                                        \
    return Code::kSuccess;
    CORUN_CUDA_CODES(CORUN_SIM_NAME)
#undef CORUN_SIM_NAME
    default:
      *name = nullptr;
      return Code::kInvalidValue;
  }
}

Code cuGetErrorString(Code code, const char** text) {
  if (text == nullptr) return Code::kInvalidValue;
  switch (static_cast<int>(code)) {
#define CORUN_SIM_MEANING(identifier, value, name, meaning) \
  case value:                                               \
    *text = meaning;                                        \
    return Code::kSuccess;
    CORUN_CUDA_CODES(CORUN_SIM_MEANING)
#undef CORUN_SIM_MEANING
    default:
      *text = nullptr;
      return Code::kInvalidValue;
  }
}

Code cuDeviceGetCount(int* count) {
  if (count == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  *count = static_cast<int>(driver.devices().size());
  return Code::kSuccess;
}

Code cuDeviceGet(Device* device, int ordinal) {
  if (device == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  const Code code = device_code(driver, ordinal);
  if (code == Code::kSuccess) *device = ordinal;
  return code;
}

Code cuDeviceGetName(char* name, int length, Device device) {
  if (name == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  const Code code = device_code(driver, device);
  if (code == Code::kSuccess) copy_text(info_of(driver, device)->name, name, length);
  return code;
}

Code cuDeviceGetUuid(Uuid* uuid, Device device) {
  if (uuid == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  const Code code = device_code(driver, device);
  if (code != Code::kSuccess) return code;
  const char* text = info_of(driver, device)->uuid + std::strlen("GPU-");
  for (unsigned char& byte : uuid->bytes) {
    if (*text == '-') ++text;
    unsigned value = 0;
    std::sscanf(text, "%2x", &value);
    byte = static_cast<unsigned char>(value);
    text += 2;
  }
  return Code::kSuccess;
}

Code cuDeviceGetAttribute(int* value, DeviceAttribute attribute, Device device) {
  if (value == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  const Code code = device_code(driver, device);
  if (code != Code::kSuccess) return code;
  *value = device_attribute(*info_of(driver, device), attribute);
  return Code::kSuccess;
}

Code cuDeviceTotalMem(size_t* bytes, Device device) {
  if (bytes == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  const Code code = device_code(driver, device);
  if (code == Code::kSuccess) *bytes = info_of(driver, device)->memory_bytes;
  return code;
}

Code cuDeviceGetPCIBusId(char* id, int length, Device device) {
  if (id == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  const Code code = device_code(driver, device);
  if (code == Code::kSuccess) {
    copy_text(info_of(driver, device)->pci_bus_id + 4, id, length);  // CUDA has a 16-bit domain
  }
  return code;
}

Code cuDeviceGetByPCIBusId(Device* device, const char* id) {
  if (device == nullptr || id == nullptr) return Code::kInvalidValue;
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  for (size_t i = 0; i < driver.devices().size(); ++i) {
    const char* own = driver.devices()[i].pci_bus_id;
    if (strcasecmp(own, id) == 0 || strcasecmp(own + 4, id) == 0) {
      *device = static_cast<Device>(i);
      return Code::kSuccess;
    }
  }
  return Code::kInvalidDevice;
}

}  // namespace corun::simgpu::driver::api
