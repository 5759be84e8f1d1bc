// Stream memory operations against a node: the words are in memory that several sides write.
#include <sys/mman.h>

#include <atomic>
#include <thread>

#include "core/fd.h"
#include "tests/simgpu_node/drop_in_fixture.h"

namespace corun::simgpu::testing {
namespace {

using cu::Code;

/// A page that this process maps twice: for writing, and for reading alone.
class SharedPage {
 public:
  SharedPage() : fd_(memfd_create("test-page", MFD_CLOEXEC)) {
    EXPECT_EQ(ftruncate(fd_.get(), kBytes), 0);
    words_ = static_cast<std::atomic<uint32_t>*>(map(PROT_READ | PROT_WRITE));
    read_only_ = map(PROT_READ);
  }
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  ~SharedPage() {
    munmap(words_, kBytes);
    munmap(read_only_, kBytes);
  }
  std::atomic<uint32_t>& word() { return words_[0]; }
  void* read_only() { return read_only_; }
  void* writable() { return words_; }
  static constexpr size_t kBytes = 4096;

 private:
  void* map(int protection) const {
    return mmap(nullptr, kBytes, protection, MAP_SHARED, fd_.get(), 0);
  }
  Fd fd_;
  std::atomic<uint32_t>* words_;
  void* read_only_;
};

class WordsOfTheDropIn : public DropIn {
 public:
  /// The device's address of the page, registered.
  cu::DevicePtr registered(void* memory, unsigned flags) {
    cu::DevicePtr address = 0;
    EXPECT_EQ(driver().cuMemHostRegister(memory, SharedPage::kBytes, flags), Code::kSuccess);
    EXPECT_EQ(driver().cuMemHostGetDevicePointer(&address, memory, 0), Code::kSuccess);
    registered_.push_back(memory);
    return address;
  }
  void TearDown() override {
    for (void* memory : registered_) driver().cuMemHostUnregister(memory);
    DropIn::TearDown();
  }

 private:
  std::vector<void*> registered_;
};

TEST_F(WordsOfTheDropIn, AStreamWaitsUntilAnotherMappingChangesTheWord) {
  SharedPage page;
  page.word() = 1;
  const cu::DevicePtr address = registered(page.read_only(), cu::kHostRegisterReadOnly);
  ASSERT_EQ(driver().cuStreamWaitValue32(gpu_->stream, address, 0, cu::kWaitValueEqual),
            Code::kSuccess);
  gpu_->launch_step(3);
  const Instant closed_until = monotonic_now() + std::chrono::milliseconds(50);
  while (monotonic_now() < closed_until) {
    ASSERT_EQ(driver().cuStreamQuery(gpu_->stream), Code::kNotReady);
  }
  page.word() = 0;
  EXPECT_EQ(gpu_->read_state(), stepped(0, 3, 1));
}

TEST_F(WordsOfTheDropIn, AWriteIsSeenWithoutACallWhenTheWorkBeforeItIsDone) {
  SharedPage page;
  page.word() = 1;
  const cu::DevicePtr address = registered(page.writable(), 0);
  const Instant begun = monotonic_now();
  gpu_->launch_burn(30'000);
  ASSERT_EQ(driver().cuStreamWriteValue32(gpu_->stream, address, 7, cu::kWriteValueDefault),
            Code::kSuccess);
  while (page.word() == 1 && monotonic_now() < begun + kPatience) std::this_thread::yield();
  EXPECT_EQ(page.word(), 7u);
  EXPECT_GE(monotonic_now() - begun, std::chrono::milliseconds(30));
}

TEST_F(WordsOfTheDropIn, AStreamThatWaitsLeavesTheOthersAlone) {
  SharedPage page;
  page.word() = 1;
  const cu::DevicePtr address = registered(page.writable(), 0);
  cu::StreamHandle other = nullptr;
  driver().cuStreamCreate(&other, cu::kStreamNonBlocking);
  driver().cuStreamWaitValue32(gpu_->stream, address, 0, cu::kWaitValueEqual);
  gpu_->launch_step(1, other);
  EXPECT_EQ(driver().cuStreamSynchronize(other), Code::kSuccess);
  driver().cuStreamWriteValue32(other, address, 0, cu::kWriteValueDefault);
  EXPECT_EQ(driver().cuStreamSynchronize(gpu_->stream), Code::kSuccess);
}

TEST_F(WordsOfTheDropIn, ACapturedWaitHoldsTheGraphThatItIsIn) {
  SharedPage page;
  page.word() = 1;
  const cu::DevicePtr address = registered(page.writable(), 0);
  cu::GraphHandle graph = nullptr;
  cu::GraphExecHandle exec = nullptr;
  driver().cuStreamBeginCapture(gpu_->stream, cu::CaptureMode::kThreadLocal);
  EXPECT_EQ(driver().cuStreamWaitValue32(gpu_->stream, address, 0, cu::kWaitValueEqual),
            Code::kSuccess);
  gpu_->launch_step(5);
  ASSERT_EQ(driver().cuStreamEndCapture(gpu_->stream, &graph), Code::kSuccess);
  ASSERT_EQ(driver().cuGraphInstantiate(&exec, graph, 0), Code::kSuccess);
  ASSERT_EQ(driver().cuGraphLaunch(exec, gpu_->stream), Code::kSuccess);
  EXPECT_EQ(driver().cuStreamQuery(gpu_->stream), Code::kNotReady);
  page.word() = 0;
  EXPECT_EQ(gpu_->read_state(), stepped(0, 5, 1));
}

TEST_F(WordsOfTheDropIn, PagesForReadingAloneNeedTheFlag) {
  SharedPage page;
  EXPECT_EQ(driver().cuMemHostRegister(page.read_only(), SharedPage::kBytes, 0),
            Code::kInvalidValue);
  int supported = 0;
  driver().cuDeviceGetAttribute(&supported, cu::DeviceAttribute::kReadOnlyHostRegisterSupported, 0);
  EXPECT_EQ(supported, 1);
}

TEST_F(WordsOfTheDropIn, AWriteToAPageForReadingAloneEndsTheContext) {
  SharedPage page;
  const cu::DevicePtr address = registered(page.read_only(), cu::kHostRegisterReadOnly);
  driver().cuStreamWriteValue32(gpu_->stream, address, 1, cu::kWriteValueDefault);
  EXPECT_EQ(driver().cuStreamSynchronize(gpu_->stream), Code::kIllegalAddress);
  EXPECT_EQ(page.word(), 0u);
}

TEST_F(WordsOfTheDropIn, WordsOutsideMemoryOfTheGpuAreRefused) {
  uint32_t word = 0;
  const auto address = reinterpret_cast<cu::DevicePtr>(&word);
  EXPECT_EQ(driver().cuStreamWaitValue32(gpu_->stream, address, 0, cu::kWaitValueEqual),
            Code::kInvalidValue);
  EXPECT_EQ(driver().cuStreamWaitValue32(gpu_->stream, gpu_->state + 2, 0, cu::kWaitValueEqual),
            Code::kInvalidValue);
  EXPECT_EQ(driver().cuStreamWaitValue32(gpu_->stream, gpu_->state, 0, 4), Code::kInvalidValue);
}

}  // namespace
}  // namespace corun::simgpu::testing
