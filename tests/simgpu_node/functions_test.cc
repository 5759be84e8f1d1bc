// Functions of the drop-in driver beyond those that corun itself uses.
#include <dlfcn.h>

#include "simgpu/driver/per_thread.h"
#include "tests/simgpu_node/client/more.h"
#include "tests/simgpu_node/drop_in_fixture.h"

namespace corun::simgpu::testing {
namespace {

using cu::Code;

constexpr size_t kBlock = size_t{2} << 20;

class More : public DropIn {
 public:
  void SetUp() override {
    DropIn::SetUp();
    library_ = cu::MoreFunctions::library();
    ASSERT_NE(library_, nullptr);
#define CORUN_TEST_FOUND(name, symbol, version, parameters) \
  EXPECT_NE(more.name, nullptr) << #symbol;
    CORUN_SIM_MORE_FUNCTIONS(CORUN_TEST_FOUND)
#undef CORUN_TEST_FOUND
  }
  size_t free_bytes() {
    size_t free = 0;
    size_t total = 0;
    driver().cuMemGetInfo(&free, &total);
    return free;
  }
  cu::AllocationProperties properties() {
    cu::AllocationProperties one{};
    one.type = cu::kAllocationPinned;
    one.location = {cu::kLocationDevice, 0};
    return one;
  }

  void* library_ = nullptr;
  cu::MoreFunctions more;
};

TEST_F(More, PhysicalMemoryCountsFromItsCreationToItsLastUse) {
  const size_t before = free_bytes();
  const cu::AllocationProperties props = properties();
  uint64_t handle = 0;
  cu::DevicePtr range = 0;
  ASSERT_EQ(more.cuMemCreate(&handle, 3 * kBlock, &props, 0), Code::kSuccess);
  EXPECT_EQ(free_bytes(), before - 3 * kBlock);
  ASSERT_EQ(more.cuMemAddressReserve(&range, 3 * kBlock, 0, 0, 0), Code::kSuccess);
  ASSERT_EQ(more.cuMemMap(range, 3 * kBlock, 0, handle, 0), Code::kSuccess);
  EXPECT_EQ(more.cuMemRelease(handle), Code::kSuccess);
  EXPECT_EQ(free_bytes(), before - 3 * kBlock) << "still mapped";
  EXPECT_EQ(more.cuMemAddressFree(range, 3 * kBlock), Code::kInvalidValue);
  EXPECT_EQ(more.cuMemUnmap(range, 3 * kBlock), Code::kSuccess);
  EXPECT_EQ(free_bytes(), before);
  EXPECT_EQ(more.cuMemAddressFree(range, 3 * kBlock), Code::kSuccess);
  EXPECT_EQ(more.cuMemRelease(handle), Code::kInvalidValue);
}

TEST_F(More, CopiesGoAcrossTheBorderOfTwoMappings) {
  const cu::AllocationProperties props = properties();
  uint64_t handles[2] = {};
  cu::DevicePtr range = 0;
  ASSERT_EQ(more.cuMemAddressReserve(&range, 2 * kBlock, 0, 0, 0), Code::kSuccess);
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(more.cuMemCreate(&handles[i], kBlock, &props, 0), Code::kSuccess);
    ASSERT_EQ(more.cuMemMap(range + i * kBlock, kBlock, 0, handles[i], 0), Code::kSuccess);
  }
  const uint64_t sent = 0x0123456789abcdef;
  uint64_t received = 0;
  const cu::DevicePtr border = range + kBlock - 4;
  EXPECT_EQ(driver().cuMemcpyHtoD(border, &sent, sizeof sent), Code::kInvalidValue) << "no access";
  const cu::AccessDescription access{{cu::kLocationDevice, 0}, 3};
  ASSERT_EQ(more.cuMemSetAccess(range, 2 * kBlock, &access, 1), Code::kSuccess);
  EXPECT_EQ(driver().cuMemcpyHtoD(border, &sent, sizeof sent), Code::kSuccess);
  EXPECT_EQ(driver().cuMemcpyDtoH(&received, border, sizeof received), Code::kSuccess);
  EXPECT_EQ(received, sent);
  EXPECT_EQ(more.cuMemMap(range, kBlock, 0, handles[0], 0), Code::kInvalidValue) << "is taken";
  EXPECT_EQ(more.cuMemUnmap(range, 2 * kBlock), Code::kSuccess);
  for (const uint64_t handle : handles) EXPECT_EQ(more.cuMemRelease(handle), Code::kSuccess);
  EXPECT_EQ(more.cuMemAddressFree(range, 2 * kBlock), Code::kSuccess);
}

TEST_F(More, ManagedMemoryIsReachedFromBothSides) {
  cu::DevicePtr address = 0;
  ASSERT_EQ(more.cuMemAllocManaged(&address, kBlock, 1), Code::kSuccess);
  auto* host = reinterpret_cast<uint32_t*>(address);  // NOLINT(performance-no-int-to-ptr)
  host[3] = 77;
  uint32_t word = 0;
  EXPECT_EQ(driver().cuMemcpyDtoH(&word, address + 12, sizeof word), Code::kSuccess);
  EXPECT_EQ(word, 77u);
  EXPECT_EQ(more.cuMemsetD16(address, 0x1234, 4), Code::kSuccess);
  driver().cuCtxSynchronize();
  EXPECT_EQ(host[1], 0x12341234u);
  EXPECT_EQ(driver().cuMemFree(address), Code::kSuccess);
}

TEST_F(More, EveryKindOfMemoryCounts) {
  const size_t before = free_bytes();
  cu::DevicePtr managed = 0;
  cu::DevicePtr pitched = 0;
  cu::DevicePtr pooled = 0;
  size_t pitch = 0;
  cu::ArrayHandle array = nullptr;
  cu::MemoryPoolHandle pool = nullptr;
  ASSERT_EQ(more.cuMemAllocManaged(&managed, 4 * kBlock, 1), Code::kSuccess);
  ASSERT_EQ(more.cuMemAllocPitch(&pitched, &pitch, 1000, 4096, 4), Code::kSuccess);
  EXPECT_EQ(pitch, 1024u);
  const cu::ArrayDescription floats{1024, 1024, 0x20, 4};
  ASSERT_EQ(more.cuArrayCreate(&array, &floats), Code::kSuccess);
  ASSERT_EQ(more.cuDeviceGetDefaultMemPool(&pool, 0), Code::kSuccess);
  ASSERT_EQ(more.cuMemAllocFromPoolAsync(&pooled, 2 * kBlock, pool, gpu_->stream), Code::kSuccess);
  EXPECT_EQ(free_bytes(), before - (4 + 2 + 8 + 2) * kBlock);
  driver().cuMemFree(managed);
  driver().cuMemFree(pitched);
  more.cuArrayDestroy(array);
  driver().cuMemFreeAsync(pooled, gpu_->stream);
  driver().cuStreamSynchronize(gpu_->stream);
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(More, CopiesFindOutOnWhichSideAnAddressIs) {
  const uint64_t sent = 42;
  uint64_t received = 0;
  const auto from = reinterpret_cast<cu::DevicePtr>(&sent);
  const auto to = reinterpret_cast<cu::DevicePtr>(&received);
  driver().cuStreamSynchronize(gpu_->stream);  // the fixture's memset
  EXPECT_EQ(more.cuMemcpy(gpu_->state, from, sizeof sent), Code::kSuccess);
  EXPECT_EQ(more.cuMemcpyAsync(to, gpu_->state, sizeof sent, gpu_->stream), Code::kSuccess);
  EXPECT_EQ(received, 42u);
}

TEST_F(More, ABatchOfWordOperationsRunsInOrder) {
  cu::DevicePtr word = 0;
  uint32_t value = 0;
  ASSERT_EQ(driver().cuMemAlloc(&word, 512), Code::kSuccess);
  driver().cuMemsetD8Async(word, 0, 512, gpu_->stream);
  driver().cuStreamSynchronize(gpu_->stream);
  cu::BatchMemoryOp operations[2] = {};
  operations[0].type = cu::BatchMemoryOpType::kWriteValue32;
  operations[0].address = word;
  operations[0].value = 5;
  operations[1].type = cu::BatchMemoryOpType::kWaitValue32;
  operations[1].address = word;
  operations[1].value = 5;
  operations[1].flags = cu::kWaitValueEqual;
  EXPECT_EQ(more.cuStreamBatchMemOp(gpu_->stream, 2, operations, 0), Code::kSuccess);
  EXPECT_EQ(driver().cuStreamSynchronize(gpu_->stream), Code::kSuccess);
  driver().cuMemcpyDtoH(&value, word, sizeof value);
  EXPECT_EQ(value, 5u);
  operations[0].type = cu::BatchMemoryOpType{9};
  EXPECT_EQ(more.cuStreamBatchMemOp(gpu_->stream, 2, operations, 0), Code::kInvalidValue);
}

TEST_F(More, ACooperativeLaunchMustFitOnTheDevice) {
  uint32_t words = Fixture::kWords;
  uint32_t addend = 1;
  void* parameters[] = {&gpu_->state, &words, &addend};
  EXPECT_EQ(more.cuLaunchCooperativeKernel(gpu_->step, 132 * 2, 1, 1, 1024, 1, 1, 0, gpu_->stream,
                                           parameters),
            Code::kSuccess);
  EXPECT_EQ(more.cuLaunchCooperativeKernel(gpu_->step, 132 * 2 + 1, 1, 1, 1024, 1, 1, 0,
                                           gpu_->stream, parameters),
            Code::kCooperativeLaunchTooLarge);
}

TEST_F(More, ContextsAndStreamsHaveNumbers) {
  unsigned long long context = 0;
  unsigned long long first = 0;
  unsigned long long second = 0;
  cu::ContextHandle owner = nullptr;
  EXPECT_EQ(more.cuCtxGetId(nullptr, &context), Code::kSuccess);
  EXPECT_NE(context, 0u);
  EXPECT_EQ(more.cuStreamGetId(gpu_->stream, &first), Code::kSuccess);
  EXPECT_EQ(more.cuStreamGetId(nullptr, &second), Code::kSuccess);
  EXPECT_NE(first, second);
  EXPECT_EQ(more.cuStreamGetCtx(gpu_->stream, &owner), Code::kSuccess);
  EXPECT_EQ(owner, gpu_->context);
}

TEST_F(More, TheFirstVersionsOfWordOperationsAreSwitchedOff) {
  EXPECT_EQ(more.cuStreamWaitValue32_v1(gpu_->stream, gpu_->state, 0, 0), Code::kNotSupported);
  void* old = nullptr;
  void* present = nullptr;
  ASSERT_EQ(driver().cuGetProcAddress("cuStreamWaitValue32", &old, 11000, 0), Code::kSuccess);
  ASSERT_EQ(driver().cuGetProcAddress("cuStreamWaitValue32", &present, 12000, 0), Code::kSuccess);
  EXPECT_EQ(old, reinterpret_cast<void*>(more.cuStreamWaitValue32_v1));
  EXPECT_EQ(present, reinterpret_cast<void*>(driver().cuStreamWaitValue32));
}

TEST_F(More, PerThreadFormsUseTheThreadsOwnStream) {
  using GetId = Code(cu::StreamHandle, unsigned long long*);
  auto* own = reinterpret_cast<GetId*>(dlsym(library_, "cuStreamGetId_ptsz"));
  ASSERT_NE(own, nullptr);
  unsigned long long by_null = 0;
  unsigned long long by_handle = 0;
  unsigned long long legacy = 0;
  EXPECT_EQ(own(nullptr, &by_null), Code::kSuccess);
  EXPECT_EQ(more.cuStreamGetId(reinterpret_cast<cu::StreamHandle>(2), &by_handle), Code::kSuccess);
  EXPECT_EQ(more.cuStreamGetId(nullptr, &legacy), Code::kSuccess);
  EXPECT_EQ(by_null, by_handle);
  EXPECT_NE(by_null, legacy);
  void* function = nullptr;
  EXPECT_EQ(driver().cuGetProcAddress("cuStreamGetId", &function, 12000, 2), Code::kSuccess);
  EXPECT_EQ(function, reinterpret_cast<void*>(own));
#define CORUN_TEST_EXPORTED(name, symbol, parameters, arguments) \
  EXPECT_NE(dlsym(library_, #symbol), nullptr) << #symbol;
  CORUN_SIM_PER_THREAD_FUNCTIONS(CORUN_TEST_EXPORTED)
#undef CORUN_TEST_EXPORTED
}

}  // namespace
}  // namespace corun::simgpu::testing
