// The book of allocations, and what an array takes.
#include "engine/shim/memory_book.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace corun::shim {
namespace {

Holding linear(uint64_t key, uint64_t bytes, ContextHandle context = nullptr) {
  return {.kind = MemoryKind::kLinear, .key = key, .bytes = bytes, .context = context};
}

class MemoryBookTest : public ::testing::Test {
 protected:
  ~MemoryBookTest() override { book.reset(); }
  void add(const Holding& holding) {
    ASSERT_TRUE(book.reserve(holding.device, holding.bytes, 0));
    book.commit(holding);
  }
  void free(uint64_t key) {
    Holding holding;
    ASSERT_TRUE(book.take(MemoryKind::kLinear, key, &holding));
    book.released(holding);
  }
  MemoryBook book;
};

TEST_F(MemoryBookTest, AgreesWithAMapOverRandomOperations) {
  std::mt19937_64 random(7);
  std::map<uint64_t, uint64_t> model;
  uint64_t sum = 0;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t key = random() % 700 * 512;  // collides and grows
    const auto known = model.find(key);
    if (known == model.end()) {
      const uint64_t bytes = random() % 1000 + 1;
      add(linear(key, bytes));
      model[key] = bytes;
      sum += bytes;
    } else {
      free(key);
      sum -= known->second;
      model.erase(known);
    }
    ASSERT_EQ(book.used(0), sum);
  }
}

TEST_F(MemoryBookTest, AnAddressThatTheDriverGivesAgainReplacesTheOldEntry) {
  add(linear(512, 100));
  add(linear(512, 30));
  EXPECT_EQ(book.used(0), 30U);
}

TEST_F(MemoryBookTest, WhatDiesWithAContextIsUncounted) {
  auto* const first = reinterpret_cast<ContextHandle>(0x10);
  auto* const second = reinterpret_cast<ContextHandle>(0x20);
  for (uint64_t key = 1; key <= 500; ++key) {
    add(linear(key, 1, key % 2 == 0 ? first : second));
  }
  book.forget_context(first);
  EXPECT_EQ(book.used(0), 250U);
  book.forget_context(second);
  EXPECT_EQ(book.used(0), 0U);
}

TEST_F(MemoryBookTest, DevicesAreCountedApart) {
  Holding other = linear(1, 100);
  other.device = 3;
  add(other);
  EXPECT_EQ(book.used(0), 0U);
  EXPECT_EQ(book.used(3), 100U);
}

TEST_F(MemoryBookTest, ARequestThatOverflowsIsRefused) {
  ASSERT_TRUE(book.reserve(0, 10, 0));
  EXPECT_FALSE(book.reserve(0, UINT64_MAX - 5, 0));
  EXPECT_FALSE(book.reserve(0, UINT64_MAX - 5, 1000));
}

TEST(RoundUp, SaturatesInsteadOfWrapping) {
  EXPECT_EQ(round_up(0, 512), 0U);
  EXPECT_EQ(round_up(1, 512), 512U);
  EXPECT_EQ(round_up(512, 512), 512U);
  EXPECT_GE(round_up(UINT64_MAX, 512), UINT64_MAX - 512);
}

TEST(ArrayBytes, FollowShapeFormatAndLevels) {
  const cuda::Array3dDescription plane{
      .width = 64, .height = 32, .depth = 0, .format = 0x20, .channels = 4, .flags = 0};
  EXPECT_EQ(array_bytes(plane, 1), 64U * 32 * 4 * 4);
  EXPECT_EQ(array_bytes(plane, 2), 64U * 32 * 16 + 32U * 16 * 16);
  const cuda::Array3dDescription line{
      .width = 10, .height = 0, .depth = 0, .format = 0x01, .channels = 1, .flags = 0};
  EXPECT_EQ(array_bytes(line, 1), 10U);
  const cuda::Array3dDescription huge{.width = SIZE_MAX,
                                      .height = SIZE_MAX,
                                      .depth = SIZE_MAX,
                                      .format = 0x20,
                                      .channels = 4,
                                      .flags = 0};
  EXPECT_EQ(array_bytes(huge, 1), UINT64_MAX);
}

}  // namespace
}  // namespace corun::shim
