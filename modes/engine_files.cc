#include "modes/engine_files.h"

#include <fmt/format.h>

#include <optional>

namespace corun::modes {

namespace fs = std::filesystem;

namespace {

Result<fs::path> found(const std::string& name, const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    std::error_code error;
    fs::path path = fs::weakly_canonical(folder / name, error);
    if (!error && fs::is_regular_file(path, error)) return path;
  }
  return unsupported(fmt::format("{} is missing beside corun (looked for {})", name,
                                 (folders.front() / name).lexically_normal().string()),
                     "install corun whole, or build everything");
}

}  // namespace

Result<EngineFiles> find_engine_files(const fs::path& folder) {
  EngineFiles files;
  CORUN_ASSIGN(files.library, found("libcorun.so", {folder / "../lib", folder}));
  CORUN_ASSIGN(files.daemon, found("corund", {folder, folder / "../bin"}));
  return files;
}

Result<EngineFiles> find_engine_files() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) return failed("cannot read /proc/self/exe: " + error.message());
  return find_engine_files(self.parent_path());
}

}  // namespace corun::modes
