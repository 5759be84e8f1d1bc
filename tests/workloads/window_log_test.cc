#include "workloads/tenant/window_log.h"

#include <gtest/gtest.h>

namespace corun::tenant {
namespace {

constexpr Instant kStart{5'000'000'000};
constexpr Instant at_us(int64_t us) { return {kStart.ns + us * 1000}; }

TEST(WindowLog, ProgressIsCumulativeAndRelativeToTheStart) {
  WindowLog log(3, kStart);
  log.sample(kStart);
  log.add_items(4);
  log.sample(at_us(50'000));
  log.add_items(2);
  log.sample(at_us(100'000));
  const auto progress = log.take_progress();
  ASSERT_TRUE(progress);
  EXPECT_EQ(*progress, (ProgressMessage{3, {0, 50'000, 100'000}, {0, 4, 6}}));
}

TEST(WindowLog, TakingGivesEachEntryOnce) {
  WindowLog log(1, kStart);
  log.sample(at_us(10));
  log.add_request(at_us(1), at_us(2), at_us(3));
  EXPECT_TRUE(log.take_progress());
  EXPECT_FALSE(log.take_progress());
  EXPECT_TRUE(log.take_requests());
  EXPECT_FALSE(log.take_requests());
  log.sample(at_us(20));
  EXPECT_EQ(log.take_progress()->items, std::vector<uint64_t>{1});
}

TEST(WindowLog, ARequestCountsAsOneItemUnlessToldOtherwise) {
  WindowLog log(1, kStart);
  log.add_request(at_us(100), at_us(150), at_us(900));
  EXPECT_EQ(log.items(), 1U);
  log.add_request(at_us(1000), at_us(1000), at_us(2000), 17);
  EXPECT_EQ(log.items(), 18U);
  EXPECT_EQ(*log.take_requests(), (RequestsMessage{1, {100, 1000}, {150, 1000}, {900, 2000}}));
}

TEST(WindowLog, ARequestNeverEndsBeforeItBegins) {
  WindowLog log(1, kStart);
  log.add_request(at_us(100), at_us(99), at_us(98));
  EXPECT_EQ(*log.take_requests(), (RequestsMessage{1, {100}, {100}, {100}}));
}

}  // namespace
}  // namespace corun::tenant
