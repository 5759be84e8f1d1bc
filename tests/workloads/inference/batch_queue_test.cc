// When a batch runs and who is in it, as tables.
#include "workloads/inference/serving/batch_queue.h"

#include <gtest/gtest.h>

#include <chrono>

namespace corun::inference {
namespace {

Instant at_ms(int64_t ms) { return Instant{ms * 1'000'000}; }

struct Arrival {
  int64_t ms;
  int64_t rows = 1;
  const char* group = "";
  std::optional<int64_t> deadline_ms = {};
};

struct Case {
  const char* name;
  BatchRules rules;
  std::vector<Arrival> arrivals;  ///< ids 0, 1, 2, ...
  int64_t now_ms;
  std::vector<uint64_t> batch;
  std::optional<int64_t> wake_ms = {};
  std::vector<uint64_t> expired = {};
  bool hurry = false;
};

BatchRules rules(int64_t max_batch, int64_t delay_ms = 0, std::vector<int64_t> preferred = {}) {
  return {.max_batch = max_batch,
          .preferred = std::move(preferred),
          .max_delay = std::chrono::milliseconds(delay_ms),
          .max_queue = 100};
}

class BatchDecisions : public testing::TestWithParam<Case> {};

TEST_P(BatchDecisions, AreAsTheRulesSay) {
  const Case& test = GetParam();
  BatchQueue queue(test.rules);
  for (size_t i = 0; i < test.arrivals.size(); ++i) {
    const Arrival& arrival = test.arrivals[i];
    Waiting request{.id = i,
                    .rows = arrival.rows,
                    .group = arrival.group,
                    .arrival = at_ms(arrival.ms),
                    .deadline = {}};
    if (arrival.deadline_ms) request.deadline = at_ms(*arrival.deadline_ms);
    queue.add(std::move(request));
  }
  const BatchQueue::Step step = queue.next(at_ms(test.now_ms), test.hurry);
  EXPECT_EQ(step.batch, test.batch);
  EXPECT_EQ(step.expired, test.expired);
  ASSERT_EQ(step.wake.has_value(), test.wake_ms.has_value());
  EXPECT_EQ(step.wake.value_or(Instant{}), at_ms(test.wake_ms.value_or(0)));
  EXPECT_EQ(queue.size(), test.arrivals.size() - test.batch.size() - test.expired.size());
}

INSTANTIATE_TEST_SUITE_P(
    All, BatchDecisions,
    testing::Values(
        Case{"nothing_waits", rules(4, 10), {}, 0, {}},
        Case{"without_a_delay_all_that_waits_runs", rules(4), {{0}, {1}}, 1, {0, 1}},
        Case{"a_full_batch_runs_at_once", rules(2, 10), {{0}, {0}, {0}}, 0, {0, 1}},
        Case{"a_part_waits_for_its_delay", rules(4, 10), {{5}, {7}}, 8, {}, 15},
        Case{"the_oldest_one_ends_the_wait", rules(4, 10), {{5}, {14}}, 15, {0, 1}},
        Case{"a_preferred_size_need_not_wait", rules(8, 10, {2, 4}), {{0}, {0}, {0}}, 0, {0, 1}},
        Case{"the_largest_preferred_one",
             rules(8, 10, {2, 4}),
             {{0}, {0}, {0}, {0}, {0}},
             0,
             {0, 1, 2, 3}},
        Case{"below_every_preferred_size", rules(8, 10, {4}), {{0}, {0}}, 3, {}, 10},
        Case{"the_delay_beats_the_preferred_size", rules(8, 10, {4}), {{0}, {0}}, 10, {0, 1}},
        Case{"rows_count_not_requests", rules(8, 10, {6}), {{0, 3}, {0, 3}, {0, 1}}, 0, {0, 1}},
        Case{"who_does_not_fit_ends_the_batch", rules(4, 10), {{0, 3}, {0, 2}}, 0, {0}},
        Case{"another_group_ends_the_batch", rules(4, 10), {{0, 1, "a"}, {0, 1, "b"}}, 0, {0}},
        Case{
            "order_is_kept_over_groups", rules(4), {{0, 1, "a"}, {0, 1, "b"}, {0, 1, "a"}}, 0, {0}},
        Case{"draining_does_not_wait", rules(4, 10), {{0}}, 1, {0}, {}, {}, true},
        Case{"a_late_one_is_dropped", rules(4), {{0, 1, "", 5}, {1}}, 5, {1}, {}, {0}},
        Case{"all_late", rules(4, 10), {{0, 1, "", 5}, {0, 1, "", 6}}, 7, {}, {}, {0, 1}},
        Case{"a_late_one_does_not_end_the_wait",
             rules(4, 10),
             {{0, 1, "", 5}, {4}},
             10,
             {},
             14,
             {0}},
        Case{"wakes_for_a_deadline", rules(4, 10), {{0}, {1, 1, "", 6}}, 2, {}, 6}),
    [](const auto& test) { return test.param.name; });

TEST(BatchQueue, IsFullAtItsBound) {
  BatchQueue queue({.max_batch = 4, .preferred = {}, .max_delay = {}, .max_queue = 2});
  queue.add({.id = 1, .rows = 3, .group = {}, .arrival = {}, .deadline = {}});
  EXPECT_FALSE(queue.full());
  queue.add({.id = 2, .rows = 2, .group = {}, .arrival = {}, .deadline = {}});
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(queue.rows(), 5);
  EXPECT_TRUE(queue.remove(1));
  EXPECT_FALSE(queue.remove(1));
  EXPECT_FALSE(queue.full());
}

TEST(BatchQueue, OnlySoManyRowsMayRun) {
  BatchQueue queue(rules(4));
  for (uint64_t id = 0; id < 3; ++id) {
    queue.add({.id = id, .rows = 1, .group = {}, .arrival = {}, .deadline = {}});
  }
  EXPECT_TRUE(queue.next(at_ms(0), false, 0).batch.empty());
  EXPECT_EQ(queue.next(at_ms(0), false, 2).batch.size(), 2U);
}

}  // namespace
}  // namespace corun::inference
