// The drop-in driver in this process, against a node of its own.
#include <semaphore>
#include <thread>

#include "tests/simgpu_node/drop_in_fixture.h"

namespace corun::simgpu::testing {
namespace {

using cu::Code;

TEST_F(DropIn, NamesItsProfileAndTheProduct) {
  char name[96] = {};
  ASSERT_EQ(driver().cuDeviceGetName(name, sizeof name, 0), Code::kSuccess);
  EXPECT_NE(std::string(name).find("H100"), std::string::npos);
  int sms = 0;
  driver().cuDeviceGetAttribute(&sms, cu::DeviceAttribute::kMultiprocessorCount, 0);
  EXPECT_EQ(sms, 132);
}

TEST_F(DropIn, CopiesComeBackUnchanged) {
  std::vector<uint32_t> sent(100'000);
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<uint32_t>(i * 7);
  std::vector<uint32_t> received(sent.size());
  const size_t bytes = sent.size() * sizeof(uint32_t);
  cu::DevicePtr a = 0;
  cu::DevicePtr b = 0;
  ASSERT_EQ(driver().cuMemAlloc(&a, bytes), Code::kSuccess);
  ASSERT_EQ(driver().cuMemAlloc(&b, bytes), Code::kSuccess);
  EXPECT_EQ(driver().cuMemcpyHtoD(a, sent.data(), bytes), Code::kSuccess);
  EXPECT_EQ(driver().cuMemcpyDtoD(b, a, bytes), Code::kSuccess);
  EXPECT_EQ(driver().cuMemcpyDtoH(received.data(), b, bytes), Code::kSuccess);
  EXPECT_EQ(received, sent);
  EXPECT_EQ(driver().cuMemFree(a), Code::kSuccess);
  EXPECT_EQ(driver().cuMemFree(a), Code::kInvalidValue);
}

TEST_F(DropIn, CopiesOutsideAnAllocationAreRefused) {
  char byte = 0;
  EXPECT_EQ(driver().cuMemcpyHtoD(0x1234, &byte, 1), Code::kInvalidValue);
  EXPECT_EQ(driver().cuMemcpyDtoH(&byte, gpu_->state + (1 << 22), 1), Code::kInvalidValue);
}

TEST_F(DropIn, EveryLaunchAppliesItsEffectOnceInOrder) {
  for (uint32_t i = 0; i < 3000; ++i) ASSERT_EQ(gpu_->launch_step(i), Code::kSuccess);
  uint32_t expected = 0;
  for (uint32_t i = 0; i < 3000; ++i) expected = stepped(expected, i, 1);
  EXPECT_EQ(gpu_->read_state(), expected);
}

TEST_F(DropIn, AGraphDoesWhatWasCaptured) {
  cu::GraphHandle graph = nullptr;
  cu::GraphExecHandle exec = nullptr;
  ASSERT_EQ(driver().cuStreamBeginCapture(gpu_->stream, cu::CaptureMode::kThreadLocal),
            Code::kSuccess);
  for (int i = 0; i < 5; ++i) gpu_->launch_step(9);
  ASSERT_EQ(driver().cuStreamEndCapture(gpu_->stream, &graph), Code::kSuccess);
  size_t nodes = 0;
  EXPECT_EQ(driver().cuGraphGetNodes(graph, nullptr, &nodes), Code::kSuccess);
  EXPECT_EQ(nodes, 5u);
  ASSERT_EQ(driver().cuGraphInstantiate(&exec, graph, 0), Code::kSuccess);
  EXPECT_EQ(gpu_->read_state(), 0u) << "capturing runs nothing";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(driver().cuGraphLaunch(exec, gpu_->stream), Code::kSuccess);
  EXPECT_EQ(gpu_->read_state(), stepped(0, 9, 15));
}

TEST_F(DropIn, SynchronisingACapturedStreamInvalidatesTheCapture) {
  cu::GraphHandle graph = nullptr;
  driver().cuStreamBeginCapture(gpu_->stream, cu::CaptureMode::kThreadLocal);
  EXPECT_EQ(driver().cuStreamSynchronize(gpu_->stream), Code::kStreamCaptureUnsupported);
  EXPECT_EQ(driver().cuStreamEndCapture(gpu_->stream, &graph), Code::kStreamCaptureInvalidated);
}

TEST_F(DropIn, EventsTellDeviceTime) {
  cu::EventHandle start = nullptr;
  cu::EventHandle end = nullptr;
  driver().cuEventCreate(&start, cu::kEventDefault);
  driver().cuEventCreate(&end, cu::kEventDefault);
  // The stream is held until all is in it: else the time between two calls would count too.
  std::binary_semaphore go{0};
  const auto wait = [](void* gate) { static_cast<std::binary_semaphore*>(gate)->acquire(); };
  ASSERT_EQ(driver().cuLaunchHostFunc(gpu_->stream, wait, &go), Code::kSuccess);
  driver().cuEventRecord(start, gpu_->stream);
  gpu_->launch_burn(20'000);
  driver().cuEventRecord(end, gpu_->stream);
  EXPECT_EQ(driver().cuEventQuery(end), Code::kNotReady);
  go.release();
  ASSERT_EQ(driver().cuEventSynchronize(end), Code::kSuccess);
  float ms = 0;
  ASSERT_EQ(driver().cuEventElapsedTime(&ms, start, end), Code::kSuccess);
  EXPECT_NEAR(ms, 20.0, 0.05);
}

TEST_F(DropIn, AStreamWaitsForAnotherStreamsEvent) {
  cu::StreamHandle other = nullptr;
  cu::EventHandle event = nullptr;
  driver().cuStreamCreate(&other, cu::kStreamNonBlocking);
  driver().cuEventCreate(&event, cu::kEventDisableTiming);
  gpu_->launch_burn(20'000, 1);
  gpu_->launch_step(3);
  driver().cuEventRecord(event, gpu_->stream);
  driver().cuStreamWaitEvent(other, event, 0);
  gpu_->launch_step(4, other);
  ASSERT_EQ(driver().cuStreamSynchronize(other), Code::kSuccess);
  // The burn is a step with addend 0.
  EXPECT_EQ(gpu_->read_state(), stepped(stepped(stepped(0, 0, 1), 3, 1), 4, 1));
}

TEST_F(DropIn, TheLegacyStreamWaitsForBlockingStreams) {
  cu::StreamHandle blocking = nullptr;
  driver().cuStreamCreate(&blocking, cu::kStreamDefault);
  driver().cuStreamSynchronize(gpu_->stream);
  gpu_->launch_burn(10'000, 1, blocking);
  uint32_t word = 0;
  ASSERT_EQ(driver().cuMemcpyDtoH(&word, gpu_->state, sizeof word), Code::kSuccess);
  EXPECT_EQ(word, stepped(0, 0, 1));
}

TEST_F(DropIn, HostFunctionsRunInStreamOrder) {
  struct Seen {
    Fixture* gpu;
    std::atomic<int> calls{0};
  } seen{gpu_.get()};
  gpu_->launch_step(1);
  ASSERT_EQ(driver().cuLaunchHostFunc(
                gpu_->stream, [](void* user) { ++static_cast<Seen*>(user)->calls; }, &seen),
            Code::kSuccess);
  gpu_->launch_step(2);
  EXPECT_EQ(gpu_->read_state(), stepped(stepped(0, 1, 1), 2, 1));
  EXPECT_EQ(seen.calls, 1);
}

TEST_F(DropIn, MemoryRunsOutExactlyAndComesBack) {
  size_t free_bytes = 0;
  size_t total = 0;
  ASSERT_EQ(driver().cuMemGetInfo(&free_bytes, &total), Code::kSuccess);
  cu::DevicePtr all = 0;
  cu::DevicePtr more = 0;
  const size_t granule = size_t{2} << 20;
  const size_t most = free_bytes / granule * granule;
  ASSERT_EQ(driver().cuMemAlloc(&all, most), Code::kSuccess);
  EXPECT_EQ(driver().cuMemAlloc(&more, granule), Code::kOutOfMemory);
  ASSERT_EQ(driver().cuMemFree(all), Code::kSuccess);
  size_t after = 0;
  driver().cuMemGetInfo(&after, &total);
  EXPECT_EQ(after, free_bytes);
}

TEST_F(DropIn, AKernelWithoutACostEntryIsNotFound) {
  cu::FunctionHandle function = nullptr;
  EXPECT_EQ(driver().cuModuleGetFunction(&function, gpu_->module, "test_no_cost"), Code::kNotFound);
  EXPECT_EQ(driver().cuModuleGetFunction(&function, gpu_->module, "absent"), Code::kNotFound);
}

TEST_F(DropIn, BadImagesAreRefused) {
  cu::ModuleHandle module = nullptr;
  EXPECT_EQ(driver().cuModuleLoadData(&module, "hello"), Code::kInvalidImage);
  EXPECT_EQ(driver().cuModuleLoadData(&module, ".version 7.0\n.target sm_70\n.entry f(.param"),
            Code::kInvalidPtx);
  EXPECT_EQ(driver().cuModuleLoadData(&module, ".version 9.0\n.target sm_70\n"),
            Code::kUnsupportedPtxVersion);
}

TEST_F(DropIn, AnIllegalAddressEndsTheContextForGood) {
  const cu::DevicePtr good = gpu_->state;
  gpu_->state = 0x1000;
  EXPECT_EQ(gpu_->launch_step(1), Code::kSuccess);
  EXPECT_EQ(driver().cuStreamSynchronize(gpu_->stream), Code::kIllegalAddress);
  gpu_->state = good;
  EXPECT_EQ(gpu_->launch_step(1), Code::kIllegalAddress);
  EXPECT_EQ(driver().cuMemFree(good), Code::kIllegalAddress);
}

TEST_F(DropIn, FunctionsAreFoundByNameAndUnknownOnesAreNot) {
  void* function = nullptr;
  EXPECT_EQ(driver().cuGetProcAddress("cuMemAlloc", &function, 11080, 0), Code::kSuccess);
  EXPECT_EQ(function, reinterpret_cast<void*>(driver().cuMemAlloc));
  EXPECT_EQ(driver().cuGetProcAddress("cuNoSuchThing", &function, 11080, 0), Code::kNotFound);
  EXPECT_EQ(function, nullptr);
}

TEST_F(DropIn, ThreadsLaunchSideBySide) {
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      driver().cuCtxSetCurrent(gpu_->context);
      for (int i = 0; i < 500; ++i) {
        if (gpu_->launch_step(7) != Code::kSuccess) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(gpu_->read_state(), stepped(0, 7, 2000));
}

}  // namespace
}  // namespace corun::simgpu::testing
