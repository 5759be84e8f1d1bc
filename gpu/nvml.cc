#include "gpu/nvml.h"

#include <fmt/format.h>

namespace corun::gpu {

namespace {

template <typename Pointer>
bool resolve(const Library& library, const char* symbol, Pointer* out) {
  *out = reinterpret_cast<Pointer>(library.symbol(symbol));
  return *out != nullptr;
}

bool is_unsupported(nvml::Code code) {
  return code == nvml::Code::kNotSupported || code == nvml::Code::kFunctionNotFound ||
         code == nvml::Code::kNoPermission;
}

}  // namespace

std::string code_text(nvml::Code code) {
  switch (static_cast<int>(code)) {
#define CORUN_NVML_TEXT(identifier, value, meaning) \
  case value:                                       \
    return meaning;
    CORUN_NVML_CODES(CORUN_NVML_TEXT)
#undef CORUN_NVML_TEXT
    default:
      return fmt::format("code {}", static_cast<int>(code));
  }
}

Result<std::unique_ptr<Nvml>> Nvml::load(const DriverFiles& files) {
  CORUN_ASSIGN(const Library library, Library::open(files, "libnvidia-ml.so.1"));
  std::unique_ptr<Nvml> nvml(new Nvml(library.path()));
  CORUN_TRY(nvml->look_up(library));
  const nvml::Code code = nvml->nvmlInit();
  if (code != nvml::Code::kSuccess) {
    return unsupported("NVML cannot start: " + code_text(code),
                       "check that nvidia-smi works on this node");
  }
  nvml->initialised_ = true;
  return nvml;
}

Nvml::~Nvml() {
  if (initialised_) nvmlShutdown();
}

Status Nvml::look_up(const Library& library) {
  using enum nvml::Need;
  const char* missing = nullptr;
#define CORUN_NVML_LOOK_UP(name, symbol, need, parameters)                                \
  if (!resolve(library, #symbol, &(name)) && (need) == kRequired && missing == nullptr) { \
    missing = #symbol;                                                                    \
  }
  CORUN_NVML_FUNCTIONS(CORUN_NVML_LOOK_UP)
  CORUN_NVML_MIG_FUNCTIONS(CORUN_NVML_LOOK_UP)
#undef CORUN_NVML_LOOK_UP
  if (!resolve(library, "nvmlErrorString", &nvmlErrorString)) missing = "nvmlErrorString";
  if (missing == nullptr) return {};
  return unsupported(fmt::format("{} lacks {}", path_, missing),
                     "install the NVIDIA driver R520 (CUDA 11.8) or newer");
}

Status Nvml::check(nvml::Code code, std::string_view call) const {
  if (code == nvml::Code::kSuccess) return {};
  return Error{is_unsupported(code) ? ErrorKind::kUnsupported : ErrorKind::kFailed,
               fmt::format("{} failed: {}", call, code_text(code)),
               {}};
}

Result<std::string> Nvml::driver_version() const {
  char version[nvml::kVersionBytes] = {};
  CORUN_TRY(
      check(nvmlSystemGetDriverVersion(version, sizeof version), "nvmlSystemGetDriverVersion"));
  return std::string(version);
}

Result<nvml::DeviceHandle> Nvml::device_by_uuid(const std::string& uuid) const {
  nvml::DeviceHandle device = nullptr;
  CORUN_TRY(check(nvmlDeviceGetHandleByUUID(uuid.c_str(), &device),
                  "nvmlDeviceGetHandleByUUID(" + uuid + ")"));
  return device;
}

}  // namespace corun::gpu
