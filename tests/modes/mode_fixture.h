// A node of its own for each test: runtime folder, state files and a fake MPS control program.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "core/files.h"
#include "modes/mode.h"

namespace corun::modes {

class ModeTest : public testing::Test {
 protected:
  ModeTest() {
    setenv("XDG_RUNTIME_DIR", node().c_str(), 1);
    setenv("CORUN_DRIVER_DIR", driver().c_str(), 1);
    unsetenv("FAKE_MPS");
    std::filesystem::create_directory(driver());
    std::filesystem::copy_file(CORUN_SOURCE_DIR "/tests/modes/fake-mps-control.sh",
                               driver() / "nvidia-cuda-mps-control");
  }

  std::filesystem::path node() const { return folder_.path(); }
  std::filesystem::path driver() const { return folder_.path() / "driver"; }
  /// Files and folders that the modes have left below the runtime folder.
  std::vector<std::string> left_over() const {
    std::vector<std::string> found;
    for (const auto& dir : {node() / "corun", node() / "corun" / "applied"}) {
      std::error_code error;
      for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
        const std::string name = entry.path().filename().string();
        if (name != "applied" && name != "commands") found.push_back(name);
      }
    }
    return found;
  }

  static GpuInfo gpu() {
    GpuInfo gpu;
    gpu.uuid = "GPU-1";
    gpu.name = "Test GPU";
    gpu.compute_major = 9;
    gpu.memory_bytes = uint64_t{80} << 30;
    gpu.compute_mode = "default";
    gpu.mig_mode = "disabled";
    return gpu;
  }
  static std::vector<Share> shares() {
    std::vector<Share> two(2);
    two[0].workload = "a";
    two[0].service_class = ServiceClass::kLatencyCritical;
    two[1].workload = "b";
    two[1].service_class = ServiceClass::kBestEffort;
    return two;
  }
  static std::unique_ptr<Mode> mode(std::string_view name) {
    auto found = find_mode(name);
    CORUN_CHECK(found.has_value(), found.error().text());
    return std::move(found).value();
  }

  TemporaryFolder folder_ = TemporaryFolder::create("corun-test-").value();
};

}  // namespace corun::modes
