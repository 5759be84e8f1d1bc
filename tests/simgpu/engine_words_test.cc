// Waits for words of memory, and preemption.
#include <map>

#include "tests/simgpu/engine_bench.h"

namespace corun::simgpu {
namespace {

/// Memory of words by address; those that are not in it cannot be reached.
class FakeWords final : public Words {
 public:
  std::map<uint64_t, uint64_t> words;

  std::optional<uint64_t> read(const Word& word) override {
    const auto found = words.find(word.address);
    if (found == words.end()) return std::nullopt;
    return found->second;
  }
  bool write(const Word& word, uint64_t value) override {
    if (!words.contains(word.address)) return false;
    words[word.address] = value;
    return true;
  }
};

constexpr uint64_t kGate = 64;

class WordsOfADevice : public testing::Test {
 public:
  WordsOfADevice() : device(h100(), {}) {
    device.use_words(memory);
    memory.words[kGate] = 1;
  }
  WordWaitWork wait_open() const { return {{1, kGate, false}, 0, WordTest::kEqual}; }
  std::vector<Completion> run(Instant until) {
    std::vector<Completion> done;
    device.advance(until, done);
    return done;
  }

  FakeWords memory;
  Device device;
};

WordWaitWork polling_kernel(int64_t us) {
  return {{1, kGate, false}, 5, WordTest::kGreaterOrEqual, Nanos(us * 1000)};
}

TEST_F(WordsOfADevice, APollingKernelEndsWhenTheWordIsThere) {
  memory.words[kGate] = 4;
  memory.words[kGate + 4] = 0;
  const Lane lane = add_lane(device);
  device.submit(lane.stream, polling_kernel(1000), 1, {});
  EXPECT_TRUE(run(at_us(300)).empty());
  memory.words[kGate] = 5;
  device.poll_words(at_us(300));
  ASSERT_EQ(run(at_us(300)).size(), 1u);
}

TEST_F(WordsOfADevice, TheOwnerIsAwakeForWordsInsideAGraph) {
  const Lane lane = add_lane(device);
  const auto nodes = std::make_shared<std::vector<GraphNode>>(3, full_kernel(100));
  nodes->insert(nodes->begin() + 1, WordWriteWork{{1, kGate, false}, 7});
  nodes->insert(nodes->begin() + 3, wait_open());
  device.submit(lane.stream, GraphWork{nodes}, 1, {});
  Instant now;
  while (memory.words[kGate] != 7) run(now = device.next_result().value());
  EXPECT_LT(now, at_us(150));
  EXPECT_EQ(device.word_wait_since(), std::nullopt);
  while (!device.word_wait_since()) run(now = device.next_result().value());
  EXPECT_EQ(device.word_wait_since(), now);
  EXPECT_EQ(device.next_result(), std::nullopt);  // until the word is looked at
}

TEST_F(WordsOfADevice, APollingKernelEndsByItselfAtItsLimit) {
  memory.words[kGate] = 4;
  memory.words[kGate + 4] = 0;
  const Lane lane = add_lane(device);
  device.submit(lane.stream, polling_kernel(1000), 1, {});
  EXPECT_TRUE(run(at_us(999)).empty());
  EXPECT_EQ(run(at_us(1010)).size(), 1u);
}

TEST_F(WordsOfADevice, APollingKernelThatIsRenewedGoesOn) {
  memory.words[kGate] = 4;
  memory.words[kGate + 4] = 0;
  const Lane lane = add_lane(device);
  device.submit(lane.stream, polling_kernel(1000), 1, {});
  EXPECT_TRUE(run(at_us(500)).empty());
  memory.words[kGate + 4] = 1;
  EXPECT_TRUE(run(at_us(1900)).empty());
  EXPECT_EQ(run(at_us(2100)).size(), 1u);
}

/// Of two groups, the one whose slice is long keeps the device through a gap of its other stream.
TEST_F(WordsOfADevice, AGroupWithAPollingKernelKeepsTheDevice) {
  memory.words[kGate] = 4;
  memory.words[kGate + 4] = 0;
  const Lane critical = add_lane(device);
  const Lane other = add_lane(device);
  device.set_timeslice(critical.group, std::chrono::seconds(1), {});
  device.submit(critical.stream, polling_kernel(5000), 1, {});
  device.submit(other.stream, full_kernel(100), 2, at_us(100));
  EXPECT_TRUE(run(at_us(4000)).empty());
  memory.words[kGate] = 5;
  device.poll_words(at_us(4000));
  EXPECT_EQ(run(at_us(5000)).size(), 2u);
}

TEST_F(WordsOfADevice, AStreamWaitsUntilSomebodyElseOpensTheWord) {
  const Lane lane = add_lane(device);
  device.submit(lane.stream, wait_open(), 1, {});
  device.submit(lane.stream, full_kernel(100), 2, {});
  EXPECT_TRUE(run(at_us(1000)).empty());
  ASSERT_TRUE(device.word_wait_since());
  device.poll_words(at_us(1000));
  EXPECT_TRUE(run(at_us(1000)).empty());
  memory.words[kGate] = 0;
  device.poll_words(at_us(1001));
  EXPECT_FALSE(device.word_wait_since());
  const std::vector<Completion> done = run(at_us(1200));
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].at, at_us(1001));
  EXPECT_EQ(done[1].kind, CompletionKind::kDone);
}

TEST_F(WordsOfADevice, AnOpenWordCostsItsLatencyAlone) {
  memory.words[kGate] = 0;
  const Lane lane = add_lane(device);
  for (int i = 0; i < 100; ++i) {
    device.submit(lane.stream, wait_open(), 0, {});
    device.submit(lane.stream, full_kernel(200), 1, {});
  }
  const std::vector<Completion> done = run(at_s(1));
  ASSERT_EQ(done.size(), 200u);
  const double each = to_micros(done.back().at - done[1].at) / 99;
  const Profile& profile = device.profile();
  const double expected = 200 + to_micros(profile.word_latency) + to_micros(profile.kernel_gap);
  EXPECT_NEAR(each, expected, 0.1);
}

TEST_F(WordsOfADevice, AGroupThatWaitsGivesTheGpuAwayAtOnce) {
  const Lane waiting = add_lane(device);
  const Lane other = add_lane(device);
  device.set_timeslice(waiting.group, from_seconds(1), {});
  device.submit(waiting.stream, full_kernel(100), 0, {});
  device.submit(waiting.stream, wait_open(), 0, {});
  device.submit(other.stream, full_kernel(100), 7, {});
  const std::vector<Completion> done = run(at_us(1000));
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[1].tag, 7u);
  EXPECT_LT(to_micros(done[1].at - Instant{}), 500);
}

TEST_F(WordsOfADevice, AStreamsWriteOpensAnotherGroupsWaitAtTheSameMoment) {
  const Lane held = add_lane(device);
  const Lane opener = add_lane(device);
  device.submit(held.stream, wait_open(), 1, {});
  device.submit(opener.stream, full_kernel(300), 2, {});
  device.submit(opener.stream, WordWriteWork{{2, kGate, false}, 0}, 3, {});
  const std::vector<Completion> done = run(at_us(1000));
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[1].tag, 3u);
  EXPECT_EQ(done[2].tag, 1u);
  EXPECT_EQ(done[1].at, done[2].at);
  EXPECT_EQ(memory.words[kGate], 0u);
}

TEST_F(WordsOfADevice, WaitsInsideAGraphHoldItsNodesBehindThem) {
  const Lane lane = add_lane(device);
  const auto nodes = std::make_shared<std::vector<GraphNode>>(
      std::vector<GraphNode>{full_kernel(50), wait_open(), full_kernel(50)});
  device.submit(lane.stream, GraphWork{nodes}, 0, {});
  EXPECT_TRUE(run(at_us(500)).empty());
  memory.words[kGate] = 0;
  device.poll_words(at_us(500));
  EXPECT_EQ(run(at_us(560)).size(), 1u);
}

TEST_F(WordsOfADevice, AWordThatCannotBeReachedIsAnIllegalAddress) {
  const Lane lane = add_lane(device);
  const Lane other = add_lane(device);
  device.submit(lane.stream, WordWaitWork{{1, 4096, false}, 0, WordTest::kEqual}, 0, {});
  device.submit(other.stream, WordWriteWork{{1, 4096, false}, 0}, 0, {});
  for (const Completion& completion : run(at_us(1000))) {
    EXPECT_EQ(completion.kind, CompletionKind::kFailed);
  }
  EXPECT_TRUE(device.broken(lane.context));
  EXPECT_TRUE(device.broken(other.context));
}

TEST_F(WordsOfADevice, AWaitingContextGoesWithItsClient) {
  const Lane lane = add_lane(device);
  device.submit(lane.stream, wait_open(), 0, {});
  run(at_us(100));
  device.remove_client(lane.client, at_us(100));
  memory.words[kGate] = 0;
  device.poll_words(at_us(200));
  EXPECT_TRUE(run(at_us(300)).empty());
  EXPECT_FALSE(device.word_wait_since());
}

struct TestRow {
  uint64_t word;
  uint64_t value;
  WordTest test;
  bool wide;
  bool passes;
};

class WordTests : public testing::TestWithParam<TestRow> {};

TEST_P(WordTests, PassAsTheDriverApiSays) {
  const TestRow& row = GetParam();
  EXPECT_EQ(passes(row.word, row.value, row.test, row.wide), row.passes);
}

INSTANTIATE_TEST_SUITE_P(
    Table, WordTests,
    testing::Values(TestRow{5, 5, WordTest::kEqual, false, true},
                    TestRow{4, 5, WordTest::kEqual, false, false},
                    TestRow{6, 5, WordTest::kGreaterOrEqual, false, true},
                    TestRow{4, 5, WordTest::kGreaterOrEqual, false, false},
                    TestRow{2, 0xffffffff, WordTest::kGreaterOrEqual, false, true},  // cyclic
                    TestRow{2, 0xffffffff, WordTest::kGreaterOrEqual, true, false},
                    TestRow{6, 2, WordTest::kAnd, false, true},
                    TestRow{4, 2, WordTest::kAnd, false, false},
                    TestRow{0xffff0000, 0xffff, WordTest::kNor, false, false},
                    TestRow{0xffff0000, 0xfff, WordTest::kNor, false, true},
                    TestRow{0xffffffff, 0, WordTest::kNor, true, true}));

TEST(Preempt, GivesTheGpuToTheNextGroupInTheMiddleOfAKernel) {
  Device device(h100(), {});
  const Lane running = add_lane(device);
  const Lane waiting = add_lane(device);
  device.set_timeslice(running.group, from_seconds(1), {});
  std::vector<Completion> done;
  device.submit(running.stream, full_kernel(10'000), 1, {});
  device.advance(at_us(1000), done);
  device.submit(waiting.stream, full_kernel(100), 2, at_us(1000));
  device.advance(at_us(1100), done);
  device.preempt(running.group, at_us(1100));
  device.advance(at_us(2000), done);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].tag, 2u);
  device.advance(at_us(20'000), done);
  ASSERT_EQ(done.size(), 2u) << "the preempted kernel goes on";
}

TEST(Preempt, OfAGroupThatIsAloneOnlyCostsTheSwitch) {
  Device device(h100(), {});
  const Lane lane = add_lane(device);
  std::vector<Completion> done;
  device.submit(lane.stream, full_kernel(1000), 1, {});
  device.advance(at_us(500), done);
  device.preempt(lane.group, at_us(500));
  device.advance(at_us(5000), done);
  ASSERT_EQ(done.size(), 1u);
  const double cost = to_micros(device.profile().slice_switch + device.profile().slice_restore);
  EXPECT_NEAR(to_micros(done[0].at - Instant{}), 1000 + 33 + 3.5 + cost, 2);
}

}  // namespace
}  // namespace corun::simgpu
