#include "gpu/driver.h"

#include <dlfcn.h>

#include "gpu/context.h"
#include "gpu/graph.h"
#include "gpu/memory.h"
#include "gpu/module.h"
#include "tests/gpu/fake_driver.h"

namespace corun::gpu {
namespace {

using testing::Test;

/// Objects that the fake driver made and was not given back.
int live_objects() {
  void* library = dlopen((FakeDriver::files().folder / "libcuda.so.1").c_str(), RTLD_NOW);
  return reinterpret_cast<int (*)()>(dlsym(library, "fake_live_objects"))();
}

TEST(Driver, AMissingFolderIsNamedWithTheVariableToCorrect) {
  const auto driver = Driver::load({"/nowhere"});
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(driver.error().text().find("no NVIDIA driver in /nowhere"), std::string::npos);
  EXPECT_NE(driver.error().text().find("CORUN_DRIVER_DIR"), std::string::npos);
}

TEST(Driver, TheSystemsDriverIsLookedForByItsSonameFirst) {
  EXPECT_EQ(DriverFiles{}.candidates("libcuda.so.1").front(), "libcuda.so.1");
  EXPECT_EQ(DriverFiles{"/opt/sim"}.candidates("libcuda.so.1"),
            std::vector<std::string>{"/opt/sim/libcuda.so.1"});
}

TEST(Driver, ADriverWithoutANeededFunctionIsTooOld) {
  const FakeDriver fake;
  const auto driver = Driver::load(FakeDriver::old_files());
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(driver.error().text().find("lacks cuGraphInstantiateWithFlags; install the NVIDIA"),
            std::string::npos);
}

TEST(Driver, ALaterFunctionIsFoundByItsVersion) {
  const FakeDriver fake("cuGetProcAddress cuCheckpointProcessLock 12080\n");
  const auto driver = FakeDriver::driver();
  EXPECT_NE(driver->cuCheckpointProcessLock, nullptr);
  EXPECT_EQ(driver->cuCheckpointProcessUnlock, nullptr);
}

TEST(Driver, ALaterFunctionIsNotAskedOfAnOlderDriver) {
  const FakeDriver fake(
      "cuGetProcAddress cuCheckpointProcessLock 12080\ncuDriverGetVersion 12040\n");
  EXPECT_EQ(FakeDriver::driver()->cuCheckpointProcessLock, nullptr);
}

TEST(Driver, ANodeWithoutAGpuIsUnsupported) {
  const FakeDriver fake("cuInit !100\n");
  const Status status = FakeDriver::driver()->init();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(status.error().text().find("sees no GPU"), std::string::npos);
}

TEST(Driver, AnErrorNamesTheCallTheCodeAndItsMeaning) {
  const FakeDriver fake("cuMemAlloc !2\n");
  const auto driver = FakeDriver::driver();
  const auto memory = DeviceMemory::allocate(*driver, 4096);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().text(),
            "cuMemAlloc(4096 bytes) failed: CUDA_ERROR_OUT_OF_MEMORY (out of memory)");
}

TEST(Driver, ACodeOutsideTheTableIsPrintedAsANumber) {
  EXPECT_EQ(code_text(static_cast<cuda::Code>(4711)), "code 4711");
}

TEST(Driver, ARealDriverIsNotSimulated) {
  const FakeDriver fake;
  EXPECT_FALSE(FakeDriver::driver()->simulated());
  EXPECT_FALSE(FakeDriver::driver()->simulated_profile());
  EXPECT_FALSE(FakeDriver::gpu().simulated);
}

TEST(Driver, ASimulatedDriverNamesItsProfileOnceItIsReady) {
  const FakeDriver fake;
  const auto driver = Driver::load(FakeDriver::simulated_files()).value();
  EXPECT_TRUE(driver->simulated());
  EXPECT_EQ(driver->simulated_profile(), "");
  ASSERT_TRUE(driver->init());
  EXPECT_EQ(driver->simulated_profile(), "h100");
  EXPECT_TRUE(list_gpus(*driver, nullptr).value().at(0).simulated);
}

TEST(Owners, EveryObjectIsGivenBackOnce) {
  const FakeDriver fake;
  const auto driver = FakeDriver::driver();
  const int before = live_objects();
  {
    auto context = Context::open(*driver, 0).value();
    auto stream = Stream::create(*driver).value();
    auto moved = std::move(stream);
    auto memory = DeviceMemory::allocate(*driver, 64).value();
    memory = DeviceMemory::allocate(*driver, 128).value();
    auto module = Module::load_ptx(*driver, "").value();
    auto graph = Graph::capture(moved, [] { return Status(); }).value();
    EXPECT_EQ(graph.node_count(), 3U);
    EXPECT_EQ(live_objects() - before, 5);
  }
  EXPECT_EQ(live_objects(), before);
}

TEST(Owners, AContextOfAnUnknownGpuIsAUsageError) {
  const FakeDriver fake;
  const auto driver = FakeDriver::driver();
  const auto context = Context::open(*driver, 3);
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().text(), "no GPU 3: the driver sees 1; check CUDA_VISIBLE_DEVICES");
}

TEST(Owners, AnActiveContextKeepsItsFlags) {
  const FakeDriver fake("cuDevicePrimaryCtxSetFlags !708\n");
  const auto driver = FakeDriver::driver();
  EXPECT_TRUE(Context::open(*driver, 0));
}

TEST(Owners, AFailedPtxCompilationCarriesTheCompilersLog) {
  const FakeDriver fake("cuModuleLoadDataEx !218\ncompiler-log line 7: unknown opcode\n");
  const auto driver = FakeDriver::driver();
  const auto module = Module::load_ptx(*driver, "nonsense");
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().what,
            "cuModuleLoadDataEx failed: CUDA_ERROR_INVALID_PTX (PTX compilation failed): "
            "line 7: unknown opcode");
}

TEST(Owners, PtxNewerThanTheDriverIsUnsupported) {
  const FakeDriver fake("cuModuleLoadDataEx !222\n");
  const auto driver = FakeDriver::driver();
  EXPECT_EQ(Module::load_ptx(*driver, "").error().kind, ErrorKind::kUnsupported);
}

TEST(Owners, AnErrorWhileEnqueuingEndsTheCaptureAndIsReported) {
  const FakeDriver fake;
  const auto driver = FakeDriver::driver();
  const auto stream = Stream::create(*driver).value();
  const int before = live_objects();
  const auto graph = Graph::capture(stream, [] { return Status(failed("no kernel")); });
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().text(), "no kernel");
  EXPECT_EQ(live_objects(), before);
}

TEST(Owners, AStreamWithUnfinishedWorkIsNotIdle) {
  const FakeDriver fake("cuStreamQuery !600\n");
  const auto driver = FakeDriver::driver();
  const auto stream = Stream::create(*driver).value();
  EXPECT_FALSE(stream.idle().value());
}

}  // namespace
}  // namespace corun::gpu
