// A program on a simulated node under libcorun.so, with a daemon whose part the test plays.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/shim/fake_daemon.h"
#include "tests/shim/workload.h"
#include "tests/simgpu_node/node_fixture.h"

namespace corun::shim::testing {

// What the program answers: codes of the driver.
inline constexpr char kOk[] = "0";
inline constexpr char kNotReady[] = "600";

/// UUID of a simulated node's GPU.
inline std::string simulated_uuid(int index) {
  return "GPU-51a00000-0000-4000-8000-00000000000" + std::to_string(index);
}

class OnANode : public ::testing::Test {
 protected:
  explicit OnANode(int gpus = 1)
      : node_({"--gpus", std::to_string(gpus)}), daemon_(Manner::kWelcome, uuids(gpus)) {}

  Workload::Options options() const {
    Workload::Options options;
    options.program = SHIM_FILES "/shim_node_app";
    options.behind = CORUN_BINARY_DIR "/simgpu/libsimdev.so";
    options.environment = node_.environment();
    options.environment["CORUN_RUN_DIR"] = daemon_.run_dir();
    options.environment["CORUN_CLASS"] = "best-effort";
    return options;
  }
  static std::vector<std::string> uuids(int gpus) {
    std::vector<std::string> all;
    for (int i = 0; i < gpus; ++i) all.push_back(simulated_uuid(i));
    return all;
  }

  simgpu::testing::SimulatedNode node_;
  FakeDaemon daemon_;
};

/// What steps with these addends make of the state.
inline std::string stepped(const std::vector<uint32_t>& addends) {
  uint32_t word = 0;
  for (const uint32_t addend : addends) word = word * 1664525U + 1013904223U + addend;
  return std::to_string(word);
}

}  // namespace corun::shim::testing
