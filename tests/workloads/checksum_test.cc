#include "workloads/synthetic/checksum.h"

#include <gtest/gtest.h>

namespace corun::synthetic {
namespace {

// The kernels' step as kernels/synthetic.cu has it, one launch at a time.
uint32_t stepped(uint32_t value, uint32_t addend, int launches) {
  for (int i = 0; i < launches; ++i) value = value * 1664525U + 1013904223U + addend;
  return value;
}

TEST(Checksum, RepeatedStepEqualsStepByStep) {
  for (const int launches : {0, 1, 2, 3, 7, 64, 1000, 12345}) {
    const AffineStep all = repeated(launch_step(77), static_cast<uint64_t>(launches));
    EXPECT_EQ(all(0xdeadbeefU), stepped(0xdeadbeefU, 77, launches)) << launches;
  }
}

TEST(Checksum, StepRepeated2To32TimesIsTheIdentity) {
  // The generator has full period 2^32 for an odd increment, so this ties the factors down.
  EXPECT_EQ(repeated(launch_step(2), uint64_t{1} << 32), AffineStep{});
}

TEST(Checksum, StateAfterLaunchesFollowsEachWord) {
  const StateModel model(42, 8);
  const std::vector<uint32_t> after = model.after(5);
  ASSERT_EQ(after.size(), 8U);
  for (size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i], stepped(model.initial()[i], model.addend(), 5));
  }
}

TEST(Checksum, OneLaunchMoreOrLessShows) {
  const StateModel model(42, 8);
  EXPECT_NE(hash_words(model.after(100)), hash_words(model.after(101)));
}

TEST(Checksum, OtherSeedsHaveOtherStatesAndAddends) {
  const StateModel a(1, 8);
  const StateModel b(2, 8);
  EXPECT_NE(a.addend(), b.addend());
  EXPECT_NE(a.initial(), b.initial());
}

TEST(Checksum, HashIsFnv1aOfLittleEndianBytes) {
  // The offset basis is the hash of no bytes.
  EXPECT_EQ(hash_text(hash_words({})), "cbf29ce484222325");
  const uint32_t foob[] = {0x626f6f66U};
  uint64_t expected = 0xcbf29ce484222325;
  for (const uint64_t byte : {0x66U, 0x6fU, 0x6fU, 0x62U}) {
    expected = (expected ^ byte) * uint64_t{0x100000001b3};
  }
  EXPECT_EQ(hash_words(foob), expected);
}

TEST(Checksum, HashContinues) {
  const uint32_t both[] = {1, 2};
  const uint32_t first[] = {1};
  const uint32_t second[] = {2};
  EXPECT_EQ(hash_words(both), hash_words(second, hash_words(first)));
}

}  // namespace
}  // namespace corun::synthetic
