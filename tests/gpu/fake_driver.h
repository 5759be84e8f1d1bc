// A test's fake driver: the script of an H100 with the test's own lines behind it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "core/files.h"
#include "gpu/driver.h"
#include "gpu/inventory.h"
#include "gpu/nvml.h"

namespace corun::gpu {

class FakeDriver {
 public:
  explicit FakeDriver(const std::string& lines = {})
      : folder_(std::move(TemporaryFolder::create("corun-fake-driver-")).value()) {
    set(lines);
    setenv("CORUN_FAKE_DRIVER_SCRIPT", script().c_str(), 1);
  }

  /// Replaces the test's own lines. The fake driver sees the old script or the new one, whole.
  void set(const std::string& lines) {
    const std::string h100 =
        read_file(std::string(CORUN_SOURCE_DIR) + "/tests/gpu/scripts/h100.txt").value();
    write_file_atomically(script(), h100 + lines).value();
  }

  /// Whether a call hangs, or has.
  bool hanging() const { return std::filesystem::exists(script() + ".hanging"); }

  static DriverFiles files() { return {std::string(CORUN_BINARY_DIR) + "/tests/fake_driver"}; }
  static DriverFiles old_files() {
    return {std::string(CORUN_BINARY_DIR) + "/tests/fake_driver_old"};
  }
  static DriverFiles simulated_files() {
    return {std::string(CORUN_BINARY_DIR) + "/tests/fake_driver_simulated"};
  }
  static std::unique_ptr<Driver> driver() { return Driver::load(files()).value(); }
  static std::shared_ptr<const Nvml> nvml() { return Nvml::load(files()).value(); }
  /// The one GPU of the script.
  static GpuInfo gpu() { return list_gpus(files()).value().at(0); }

 private:
  std::string script() const { return (folder_.path() / "script.txt").string(); }
  TemporaryFolder folder_;
};

}  // namespace corun::gpu
