// Threads of one workload at the same time: what the locks and orders of burst.h and memory_book.h
// promise. Run under TSan as well.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/shim/fake_gpu.h"

namespace corun::shim {
namespace {

using testing::SessionPages;

constexpr int kThreads = 3;
constexpr int kRounds = 20'000;

/// Launches on an own stream and says whether the gate was closed whenever work was on it.
bool launch_and_drain(Streams& streams, Burst& burst, SessionPages& pages, int number,
                      std::atomic<uint64_t>& now) {
  bool always_closed = true;
  StreamState& state = *streams.find(static_cast<uint64_t>(number + 1) * 16, nullptr, nullptr);
  for (int round = 0; round < kRounds; ++round) {
    state.begun.fetch_add(1);
    if (!burst.active()) {
      burst.begin(pages.pages, now.load(), true);
    }
    always_closed = always_closed && pages.gate[0].word.load() == wire::kClosed;
    state.submitted.fetch_add(1);
    always_closed = always_closed && pages.gate[0].word.load() == wire::kClosed;
    state.drained_up_to(state.submitted.load());
    burst.end_if_drained(streams, now.fetch_add(1000));
  }
  return always_closed;
}

class BurstsAtOnce : public ::testing::TestWithParam<uint32_t> {};

TEST_P(BurstsAtOnce, TheGateIsClosedWheneverAnyThreadHasWork) {
  SessionPages pages;
  pages.page.hot.gate = 0;
  pages.page.hot.linger_us = GetParam();
  Streams streams;
  Burst burst;
  std::atomic<uint64_t> now{1'000'000};
  std::atomic<bool> stop{false};
  std::atomic<int> violations{0};
  std::thread keeper([&] {
    while (!stop) {
      burst.tick(streams, now.load());
    }
  });
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      violations += launch_and_drain(streams, burst, pages, number, now) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  stop = true;
  keeper.join();
  EXPECT_EQ(violations.load(), 0);
  EXPECT_GT(pages.page.counters.bursts.load(), 1U);
  burst.tick(streams, now.load() + 2'000'000'000);
  EXPECT_EQ(pages.gate[0].word.load(), wire::kOpen);
}

INSTANTIATE_TEST_SUITE_P(Lingers, BurstsAtOnce, ::testing::Values(0U, 1U, 20U));

TEST(MemoryAtOnce, TheLimitIsNeverPassedAndAllComesBack) {
  MemoryBook book;
  constexpr uint64_t kLimit = 1000;
  std::atomic<bool> passed{false};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (uint64_t number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      for (uint64_t round = 0; round < kRounds; ++round) {
        const uint64_t key = number * kRounds + round + 1;
        if (!book.reserve(0, 400, kLimit)) {
          continue;
        }
        passed = passed || book.used(0) > kLimit;
        book.commit({.kind = MemoryKind::kLinear, .key = key, .bytes = 400});
        Holding holding;
        if (book.take(MemoryKind::kLinear, key, &holding)) {
          book.released(holding);
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_FALSE(passed);
  EXPECT_EQ(book.used(0), 0U);
  book.reset();
}

}  // namespace
}  // namespace corun::shim
