#include "simgpu/nvml/library.h"

#include <unistd.h>

#include <cstring>

namespace corun::simgpu::nvml_api {

using nvml::Code;

namespace {

constexpr Nanos kRecent = std::chrono::milliseconds(1);

}  // namespace

Library& Library::get() {
  static auto* library = new Library();
  return *library;
}

Code Library::connect() {
  if (connection_ && pid_ == getpid()) return Code::kSuccess;
  const Result<std::string> node = node_from_environment();
  if (!node) return Code::kDriverNotLoaded;
  Result<Connection> opened =
      Connection::open(*node, hello_from_environment(wire::Role::kObserver));
  if (!opened) return Code::kDriverNotLoaded;
  connection_.emplace(std::move(opened).value());
  pid_ = getpid();
  return Code::kSuccess;
}

Code Library::init() {
  if (const Code code = connect(); code != Code::kSuccess) return code;
  ++users_;
  if (!devices_.empty()) return Code::kSuccess;
  for (uint32_t i = 0; i < connection_->welcome().gpus; ++i) {
    Answer answer;
    const Code code = call(wire::Type::kDeviceInfo, i, &answer);
    const auto info = answer.as<wire::DeviceInfo>();
    if (code != Code::kSuccess || !info) return Code::kUnknown;
    devices_.push_back(*info);
  }
  return Code::kSuccess;
}

Code Library::shutdown() {
  if (users_ == 0) return Code::kUninitialized;
  if (--users_ == 0) connection_.reset();
  return Code::kSuccess;
}

nvml::DeviceHandle Library::handle_of(uint32_t index) const {
  // A handle is no address, only a number that is never null.
  return reinterpret_cast<nvml::DeviceHandle>(uintptr_t{index} + 1);  // NOLINT
}

Code Library::index_of(nvml::DeviceHandle handle, uint32_t* index) const {
  if (!initialised()) return Code::kUninitialized;
  const auto value = reinterpret_cast<uintptr_t>(handle);
  if (value == 0 || value > devices_.size()) return Code::kInvalidArgument;
  *index = static_cast<uint32_t>(value - 1);
  return Code::kSuccess;
}

Code Library::call(wire::Type type, uint32_t device, Answer* answer) {
  if (!initialised()) return Code::kUninitialized;
  if (const Code code = connect(); code != Code::kSuccess) return Code::kGpuIsLost;
  wire::DeviceCall message;
  message.device = device;
  Result<Answer> result = connection_->call(type, message);
  if (!result) {
    connection_.reset();
    return Code::kGpuIsLost;
  }
  *answer = std::move(result).value();
  return answer->code == wire::Code::kOk ? Code::kSuccess : Code::kUnknown;
}

Code Library::telemetry(nvml::DeviceHandle handle, wire::Telemetry* reading) {
  const std::lock_guard lock(mutex);
  uint32_t index = 0;
  if (const Code code = index_of(handle, &index); code != Code::kSuccess) return code;
  Answer answer;
  const Code code = call(wire::Type::kTelemetry, index, &answer);
  if (code != Code::kSuccess) return code;
  const auto parsed = answer.as<wire::Telemetry>();
  if (!parsed) return Code::kUnknown;
  *reading = *parsed;
  told_[index] = {monotonic_now(), *parsed};
  return Code::kSuccess;
}

Code Library::recent_telemetry(nvml::DeviceHandle handle, wire::Telemetry* reading) {
  const std::lock_guard lock(mutex);
  uint32_t index = 0;
  if (const Code code = index_of(handle, &index); code != Code::kSuccess) return code;
  const auto told = told_.find(index);
  if (told == told_.end() || monotonic_now() - told->second.at >= kRecent) {
    return telemetry(handle, reading);
  }
  *reading = told->second.reading;
  return Code::kSuccess;
}

Code copy_text(const std::string& text, char* target, unsigned length) {
  if (target == nullptr) return Code::kInvalidArgument;
  if (text.size() + 1 > length) return Code::kInsufficientSize;
  std::memcpy(target, text.c_str(), text.size() + 1);
  return Code::kSuccess;
}

}  // namespace corun::simgpu::nvml_api
