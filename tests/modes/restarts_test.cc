// How often and how soon something that crashes is started again.
#include "modes/restarts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace corun::modes {
namespace {

constexpr Instant kBegin{1'000'000'000'000};

TEST(Restarts, ComeAtOnceThenLessOftenAndNotForEver) {
  Restarts restarts;
  std::vector<int64_t> pauses_s;
  Instant now = kBegin;
  while (const auto due = restarts.after_end(now, now + std::chrono::seconds(1))) {
    now = now + std::chrono::seconds(1);
    pauses_s.push_back(std::llround(to_seconds(*due - now)));
    now = *due;
  }
  EXPECT_EQ(pauses_s, (std::vector<int64_t>{0, 1, 2, 4, 8, 16, 30, 30, 30, 30}));
}

TEST(Restarts, ALongLifeForgivesWhatWasBefore) {
  Restarts restarts;
  for (int i = 0; i < kMaxRestarts; ++i) {
    EXPECT_TRUE(restarts.after_end(kBegin, kBegin));
  }
  const Instant end = kBegin + kLongLife;
  EXPECT_EQ(restarts.after_end(kBegin, end), end);
  EXPECT_EQ(restarts.ends(), 1);
  for (int i = 1; i < kMaxRestarts; ++i) {
    EXPECT_TRUE(restarts.after_end(end, end));
  }
  EXPECT_FALSE(restarts.after_end(end, end));
}

}  // namespace
}  // namespace corun::modes
