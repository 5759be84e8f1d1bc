#include "monitoring/blocks.h"

#include <gtest/gtest.h>

#include "core/clock.h"
#include "monitoring/block_codec.h"

namespace corun::monitoring {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

Block run(int64_t begin_us, int64_t end_us, BlockKind kind = BlockKind::kRun) {
  return {begin_us, end_us, 1, kind, client::Label::kMeasured};
}

TEST(ThinOutBlocks, FewBlocksStayAsTheyAre) {
  const std::vector<Block> blocks{run(0, 10), run(20, 30), run(200, 300)};
  EXPECT_EQ(thin_out(blocks, 0, 100, 10), (std::vector<Block>{blocks[0], blocks[1]}));
}

TEST(ThinOutBlocks, ShortOnesOfAPixelBecomeOneWithItsCoverage) {
  std::vector<Block> blocks;
  for (int64_t i = 0; i < 1000; ++i) blocks.push_back(run(i * 1000, i * 1000 + 250));
  const auto thin = thin_out(blocks, 0, kSecondUs, 10);
  ASSERT_EQ(thin.size(), 10U);
  EXPECT_EQ(thin[3].begin_us, 300'000);
  EXPECT_EQ(thin[3].end_us, 399'250);
  EXPECT_NEAR(thin[3].coverage, 0.25, 0.01);
  EXPECT_EQ(thin[3].kind, BlockKind::kRun);
}

TEST(ThinOutBlocks, ALongBlockStaysBesideShortOnes) {
  std::vector<Block> blocks;
  for (int64_t i = 0; i < 100; ++i) blocks.push_back(run(i * 1000, i * 1000 + 100));
  blocks.push_back(run(200'000, 900'000));
  const auto thin = thin_out(blocks, 0, kSecondUs, 10);
  ASSERT_EQ(thin.size(), 2U);
  EXPECT_EQ(thin[1], blocks.back());
}

TEST(ThinOutBlocks, KindsThatAreTooManyApartAreMixed) {
  std::vector<Block> blocks;
  for (int64_t i = 0; i < 1000; ++i) {
    for (const BlockKind kind : {BlockKind::kRun, BlockKind::kGate, BlockKind::kWait}) {
      blocks.push_back(run(i * 1000, i * 1000 + 900, kind));
    }
  }
  const auto thin = thin_out(blocks, 0, kSecondUs, 10);
  EXPECT_LE(thin.size(), 20U);
  EXPECT_EQ(thin[0].kind, BlockKind::kMixed);
}

TEST(ThinOutBlocks, LongOnesThatOverlapAreBoundedToo) {
  std::vector<Block> blocks;
  for (int64_t i = 0; i < 5000; ++i) blocks.push_back(run(i, i + kSecondUs / 2));
  EXPECT_LE(thin_out(blocks, 0, kSecondUs, 100).size(), 200U);
}

TEST(ThinOutBlocks, AMillionTakeTensOfMilliseconds) {
  std::vector<Block> blocks;
  for (int64_t i = 0; i < 1'000'000; ++i) blocks.push_back(run(i * 10, i * 10 + 8));
  const Instant begin = monotonic_now();
  const auto thin = thin_out(blocks, 0, 10 * kSecondUs, 1200);
  const Nanos taken = monotonic_now() - begin;
  EXPECT_LE(thin.size(), 2400U);
  RecordProperty("milliseconds", std::to_string(to_millis(taken)));
  EXPECT_LT(taken, std::chrono::seconds(2));  // a bound for busy machines, not the figure
}

TEST(BlockLog, ForgetsWhatIsOldAndSaysSo) {
  BlockLog log(10, 1000);
  log.add("0/a", run(0, kSecondUs));
  log.add("0/b", run(kSecondUs, 2 * kSecondUs));
  EXPECT_EQ(log.query(0, 5, 100).lanes.size(), 2U);
  EXPECT_FALSE(log.query(0, 5, 100).truncated);
  log.add("0/b", run(20 * kSecondUs, 21 * kSecondUs));
  EXPECT_EQ(log.size(), 1U);
  EXPECT_TRUE(log.query(0, 5, 100).truncated);
  EXPECT_FALSE(log.query(5, 25, 100).truncated);
}

TEST(BlockLog, IsBoundedInNumber) {
  BlockLog log(1e6, 10);
  for (int64_t i = 0; i < 100; ++i) log.add(i % 2 == 0 ? "0/a" : "0/b", run(i * 10, i * 10 + 5));
  EXPECT_EQ(log.size(), 10U);
  EXPECT_EQ(log.query(0, 1, 100).lanes[0].blocks.size(), 5U);
}

TEST(BlockLog, BlocksThatComeOutOfOrderFindTheirPlace) {
  BlockLog log(100, 1000);
  for (const int64_t begin : {100, 300, 200}) log.add("0/a", run(begin, begin + 10));
  const auto blocks = log.query(0, 1, 100).lanes[0].blocks;
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[1].begin_us, 200);
}

TEST(BlockLog, ALanesSourceIsThatOfItsBestBlocks) {
  BlockLog log(100, 1000);
  Block share = run(0, 10, BlockKind::kShare);
  share.label = client::Label::kEstimated;
  log.add("0/a", share);
  EXPECT_EQ(log.query(0, 1, 100).lanes[0].source, client::Label::kEstimated);
  log.add("0/a", run(20, 30));
  EXPECT_EQ(log.query(0, 1, 100).lanes[0].source, client::Label::kMeasured);
}

TEST(BlockCodec, BlocksComeBack) {
  const std::vector<SliceBlock> blocks{
      {"GPU-1", "0/a", 1.5, 2.5, "run", 1, client::Label::kMeasured},
      {"GPU-1", "", 2.5, 4.5, "gate", 0.5, client::Label::kGranted}};
  const auto back = decode_blocks(encode_blocks(blocks));
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[0], std::pair(std::string("0/a"), block_of(blocks[0])));
  EXPECT_EQ(back[1].second.coverage, 0.25F);
  EXPECT_TRUE(decode_blocks("damaged").empty());
}

}  // namespace
}  // namespace corun::monitoring
