#include "gpu/driver.h"

#include <fmt/format.h>

namespace corun::gpu {

namespace {

constexpr char kOldDriverHint[] = "install the NVIDIA driver R520 (CUDA 11.8) or newer";

/// What a user can do about a code; empty where nothing general can be said.
std::string_view advice(cuda::Code code) {
  if (code == cuda::Code::kSystemDriverMismatch) return "reboot, or reload the kernel module";
  if (code == cuda::Code::kUnsupportedPtxVersion) return kOldDriverHint;
  if (code == cuda::Code::kMpsConnectionFailed || code == cuda::Code::kMpsRpcFailure) {
    return "check the MPS daemon and CUDA_MPS_PIPE_DIRECTORY";
  }
  return "";
}

bool is_unsupported(cuda::Code code) {
  switch (static_cast<int>(code)) {
    case static_cast<int>(cuda::Code::kNoDevice):
    case static_cast<int>(cuda::Code::kStubLibrary):
    case static_cast<int>(cuda::Code::kNotSupported):
    case static_cast<int>(cuda::Code::kSystemDriverMismatch):
    case static_cast<int>(cuda::Code::kNoBinaryForGpu):
    case static_cast<int>(cuda::Code::kUnsupportedPtxVersion):
      return true;
    default:
      return false;
  }
}

template <typename Pointer>
bool resolve(const Library& library, const char* symbol, Pointer* out) {
  *out = reinterpret_cast<Pointer>(library.symbol(symbol));
  return *out != nullptr;
}

}  // namespace

std::string cuda_version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string code_text(cuda::Code code) {
  switch (static_cast<int>(code)) {
#define CORUN_CUDA_TEXT(identifier, value, name, meaning) \
  case value:                                             \
    return name " (" meaning ")";
    CORUN_CUDA_CODES(CORUN_CUDA_TEXT)
#undef CORUN_CUDA_TEXT
    default:
      return fmt::format("code {}", static_cast<int>(code));
  }
}

Driver::Driver(const Library& library) : path_(library.path()) {}

Result<std::unique_ptr<Driver>> Driver::load(const DriverFiles& files) {
  CORUN_ASSIGN(const Library library, Library::open(files, "libcuda.so.1"));
  std::unique_ptr<Driver> driver(new Driver(library));
  CORUN_TRY(driver->look_up(library));
  CORUN_TRY(driver->check(driver->cuDriverGetVersion(&driver->version_), "cuDriverGetVersion"));
  driver->look_up_later_functions();
  resolve(library, sim::kProfileSymbol, &driver->simulated_profile_);
  return driver;
}

std::optional<std::string> Driver::simulated_profile() const {
  if (simulated_profile_ == nullptr) return std::nullopt;
  return simulated_profile_();
}

Status Driver::look_up(const Library& library) {
  using enum cuda::Need;
  const char* missing = nullptr;
#define CORUN_CUDA_LOOK_UP(name, symbol, need, parameters)                                \
  if (!resolve(library, #symbol, &(name)) && (need) == kRequired && missing == nullptr) { \
    missing = #symbol;                                                                    \
  }
  CORUN_CUDA_FUNCTIONS(CORUN_CUDA_LOOK_UP)
#undef CORUN_CUDA_LOOK_UP
  if (missing == nullptr) return {};
  return unsupported(fmt::format("the driver {} lacks {}", path_, missing), kOldDriverHint);
}

void Driver::look_up_later_functions() {
  if (cuGetProcAddress == nullptr) return;
  const auto ask = [this](const char* name, int version) -> void* {
    void* function = nullptr;
    if (version_ < version) return nullptr;
    if (cuGetProcAddress(name, &function, version, cuda::kProcAddressDefault) !=
        cuda::Code::kSuccess) {
      return nullptr;
    }
    return function;
  };
#define CORUN_CUDA_ASK(name, version, parameters) \
  (name) = reinterpret_cast<decltype(name)>(ask(#name, version));
  CORUN_CUDA_LATER_FUNCTIONS(CORUN_CUDA_ASK)
#undef CORUN_CUDA_ASK
}

Status Driver::init() const {
  const cuda::Code code = cuInit(0);
  if (code == cuda::Code::kNoDevice) {
    return unsupported("the NVIDIA driver " + path_ + " sees no GPU",
                       "check nvidia-smi and CUDA_VISIBLE_DEVICES, or use --gpu simulated");
  }
  if (code == cuda::Code::kSuccess) return {};
  Error error = check(code, "cuInit").error();
  error.kind = ErrorKind::kUnsupported;
  return error;
}

Status Driver::check(cuda::Code code, std::string_view call) const {
  if (code == cuda::Code::kSuccess) return {};
  return Error{is_unsupported(code) ? ErrorKind::kUnsupported : ErrorKind::kFailed,
               fmt::format("{} failed: {}", call, code_text(code)), std::string(advice(code))};
}

}  // namespace corun::gpu
