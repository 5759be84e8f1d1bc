// A workload's memory limit over its sessions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/node.h"

namespace corun::policy {
namespace {

Workload limited(uint64_t bytes) {
  Workload one = workload("a");
  one.memory_limit_bytes = bytes;
  return one;
}

std::vector<Action> hold(Node& node, const std::map<SessionId, uint64_t>& bytes) {
  Tick tick;
  for (const auto& [id, held] : bytes) tick.readings[id].memory_bytes = held;
  return node.event(tick);
}

TEST(Memory, ASessionAloneHasTheWholeLimit) {
  Node node;
  node.join(1, limited(1000));
  EXPECT_EQ(node[1].memory_limit_bytes, 1000U);
}

TEST(Memory, SiblingsShareTheLimit) {
  Node node;
  node.join(1, limited(1000));
  hold(node, {{1, 600}});
  node.join(2, limited(1000));
  EXPECT_EQ(node[1].memory_limit_bytes, 1000U);
  EXPECT_EQ(node[2].memory_limit_bytes, 400U);
  hold(node, {{1, 600}, {2, 300}});
  EXPECT_EQ(node[1].memory_limit_bytes, 700U);
}

TEST(Memory, MemoryIsTakenBeforeItIsGiven) {
  Node node;
  node.join(1, limited(1000));
  node.join(2, limited(1000));
  hold(node, {{1, 0}, {2, 500}});
  const auto changes = of_kind<SetMemoryLimit>(hold(node, {{1, 500}, {2, 0}}));
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].first.session, 2U);
  EXPECT_EQ(changes[0].first.bytes, 500U);
  EXPECT_EQ(changes[1].first.session, 1U);
  EXPECT_THAT(changes[1].second, testing::HasSubstr("other sessions hold 0 B"));
}

TEST(Memory, NoLimitIsBelowWhatASessionHolds) {
  Node node;
  node.join(1, limited(1000));
  node.join(2, limited(1000));
  hold(node, {{1, 900}, {2, 400}});
  EXPECT_EQ(node[1].memory_limit_bytes, 900U);
  EXPECT_EQ(node[2].memory_limit_bytes, 400U);
}

TEST(Memory, NothingLeftIsNotTheSameAsNoLimit) {
  Node node;
  node.join(1, limited(1000));
  hold(node, {{1, 1000}});
  node.join(2, limited(1000));
  EXPECT_EQ(node[2].memory_limit_bytes, 1U);
}

TEST(Memory, WhatALeavingSessionHeldGoesToTheOthers) {
  Node node;
  node.join(1, limited(1000));
  node.join(2, limited(1000));
  hold(node, {{1, 600}, {2, 100}});
  node.leave(1);
  EXPECT_EQ(node[2].memory_limit_bytes, 1000U);
}

TEST(Memory, AnOperatorCanLiftTheLimit) {
  Node node;
  node.join(1, limited(1000));
  node.event(Changed{workload("a")});
  EXPECT_EQ(node[1].memory_limit_bytes, 0U);
}

TEST(Memory, OfLyingSiblingsTheSumDoesNotOverflow) {
  Node node;
  node.join(1, limited(1000));
  node.join(2, limited(1000));
  node.join(3, limited(1000));
  hold(node, {{1, UINT64_MAX}, {2, UINT64_MAX}, {3, 10}});
  EXPECT_EQ(node[3].memory_limit_bytes, 10U);
}

}  // namespace
}  // namespace corun::policy
