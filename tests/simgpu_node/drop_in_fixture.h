// The drop-in driver in the test's own process, against one node.
#pragma once

#include "tests/simgpu_node/client/driver.h"
#include "tests/simgpu_node/node_fixture.h"

namespace corun::simgpu::testing {

/// One node and one driver for all tests of the program: the driver lives as long as the process.
class DropIn : public ::testing::Test {
 public:
  static void SetUpTestSuite() {
    for (const auto& [name, value] : node().environment()) setenv(name.c_str(), value.c_str(), 1);
  }
  static SimulatedNode& node() {
    static SimulatedNode one;
    return one;
  }
  void SetUp() override {
    gpu_ = std::make_unique<Fixture>();
    ASSERT_EQ(gpu_->code, cu::Code::kSuccess);
  }
  void TearDown() override {
    Driver::get().cuDevicePrimaryCtxRelease(0);
    gpu_.reset();
  }
  Driver& driver() { return gpu_->driver; }

  std::unique_ptr<Fixture> gpu_;
};

}  // namespace corun::simgpu::testing
