#include "gpu/driver_files.h"

#include <dlfcn.h>

#include "core/environment.h"

namespace corun::gpu {

namespace {

// Folders outside the loader's path where container runtimes and WSL put the driver.
constexpr const char* kUsualFolders[] = {
    "/usr/local/nvidia/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
    "/usr/lib/wsl/lib",
};

}  // namespace

DriverFiles DriverFiles::from_environment() {
  return {environment(kEnvDriverDir).value_or(std::string())};
}

std::vector<std::string> DriverFiles::candidates(const std::string& library) const {
  if (!folder.empty()) return {std::filesystem::absolute(folder / library).string()};
  std::vector<std::string> names{library};
  for (const char* usual : kUsualFolders) names.push_back(std::string(usual) + "/" + library);
  return names;
}

std::optional<std::filesystem::path> DriverFiles::device_library() const {
  if (folder.empty()) return std::nullopt;
  const std::filesystem::path library = folder / "libsimdev.so";
  std::error_code error;
  if (!std::filesystem::exists(library, error)) return std::nullopt;
  return library;
}

Result<Library> Library::open(const DriverFiles& files, const std::string& name) {
  std::string reason;
  for (const std::string& candidate : files.candidates(name)) {
    void* handle = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle != nullptr) return Library(handle, candidate);
    if (reason.empty()) reason = dlerror();
  }
  if (!files.folder.empty()) {
    return unsupported("no NVIDIA driver in " + files.folder.string() + ": " + reason,
                       "correct or unset " + std::string(kEnvDriverDir));
  }
  // Absence is the usual case and needs no loader's prose; anything else (a broken library) does.
  const bool absent = reason.find("No such file") != std::string::npos;
  return unsupported(
      "no NVIDIA driver found: " + name + " cannot be loaded" + (absent ? "" : " (" + reason + ")"),
      "install the NVIDIA driver R520 or newer, or use --gpu simulated");
}

void* Library::symbol(const char* name) const { return dlsym(handle_, name); }

}  // namespace corun::gpu
