// The channel-group tap: which ioctls make, schedule and end a group, and when a slice is due.
#include "engine/shim/channel_groups.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>

namespace corun::shim {
namespace {

constexpr uint32_t kClient = 0xC1;
constexpr uint32_t kParent = 0x5C000001;
constexpr uint64_t kNow = 5'000'000'000;
constexpr FileIdentity kFile{.device = 195, .inode = 7};

template <class Arguments>
unsigned long request(unsigned number) {
  return rm::request(number, sizeof(Arguments));
}

class ChannelGroupsTest : public ::testing::Test {
 protected:
  template <class Arguments>
  bool call(unsigned number, const Arguments& arguments) {
    return groups.on_ioctl(9, kFile, request<Arguments>(number), &arguments, 0, kNow);
  }
  bool allocate(uint32_t object, uint32_t status = 0) {
    return call(rm::kAllocNumber, rm::Alloc{.root = kClient,
                                            .parent = kParent,
                                            .object = object,
                                            .object_class = rm::kChannelGroupClass,
                                            .status = status});
  }
  bool schedule(uint32_t object, uint32_t status = 0) {
    return call(
        rm::kControlNumber,
        rm::Control{
            .client = kClient, .object = object, .command = rm::kSchedule, .status = status});
  }
  bool free(uint32_t object, uint32_t client = kClient) {
    return call(rm::kFreeNumber,
                rm::Free{.root = client, .parent = 0, .object = object, .status = 0});
  }
  ChannelGroup only() {
    ChannelGroup group;
    EXPECT_EQ(groups.list(0, false, &group, 1), 1);
    return group;
  }
  ChannelGroups groups;
};

TEST_F(ChannelGroupsTest, AnAllocationWithRightsMakesAGroup) {
  EXPECT_TRUE(allocate(11));
  const ChannelGroup group = only();
  EXPECT_EQ(group.fd, 9);
  EXPECT_EQ(group.client, kClient);
  EXPECT_EQ(group.object, 11U);
  EXPECT_TRUE(group.file == kFile);
}

TEST_F(ChannelGroupsTest, TheShortFormMakesAGroup) {
  EXPECT_TRUE(call(rm::kAllocNumber, rm::AllocShort{.root = kClient,
                                                    .parent = kParent,
                                                    .object = 11,
                                                    .object_class = rm::kChannelGroupClass}));
  EXPECT_EQ(groups.count(), 1);
}

TEST_F(ChannelGroupsTest, TheWrappedFormMakesAGroup) {
  const rm::Alloc inner{.root = kClient, .object = 11, .object_class = rm::kChannelGroupClass};
  EXPECT_TRUE(
      call(rm::kWrappedNumber, rm::Wrapped{.number = rm::kAllocNumber,
                                           .size = sizeof inner,
                                           .argument = reinterpret_cast<uint64_t>(&inner)}));
  EXPECT_EQ(groups.count(), 1);
}

TEST_F(ChannelGroupsTest, AFailedAllocationOrAnotherClassMakesNone) {
  EXPECT_FALSE(allocate(11, 0x22));
  EXPECT_FALSE(
      call(rm::kAllocNumber, rm::AllocShort{.root = kClient, .object = 12, .object_class = 0x80}));
  EXPECT_EQ(groups.count(), 0);
}

TEST_F(ChannelGroupsTest, GroupsOfCopyEnginesAreLeftAlone) {
  for (const auto& [engine, counted] :
       {std::pair{0U, true}, {1U, true}, {8U, true}, {9U, false}, {11U, false}}) {
    groups.reset();
    const rm::ChannelGroupParameters parameters{.engine = engine};
    call(rm::kAllocNumber, rm::AllocShort{.root = kClient,
                                          .object = 11,
                                          .object_class = rm::kChannelGroupClass,
                                          .parameters = reinterpret_cast<uint64_t>(&parameters)});
    EXPECT_EQ(groups.count(), counted ? 1 : 0) << engine;
  }
}

TEST_F(ChannelGroupsTest, ShortOrWildArgumentsMakeNone) {
  const rm::Wrapped nowhere{.number = rm::kAllocNumber, .size = 48, .argument = 0};
  EXPECT_FALSE(call(rm::kWrappedNumber, nowhere));
  const rm::Free small{.root = kClient, .parent = 0, .object = 0, .status = 0};
  EXPECT_FALSE(call(rm::kAllocNumber, small));
  EXPECT_FALSE(call(rm::kControlNumber, small));
}

TEST_F(ChannelGroupsTest, EndsWithItsObjectItsParentOrItsClient) {
  for (const uint32_t gone : {11U, kParent, kClient}) {
    allocate(11);
    EXPECT_TRUE(free(gone));
    EXPECT_EQ(groups.count(), 0);
  }
}

TEST_F(ChannelGroupsTest, ObjectsOfOtherClientsAreOtherObjects) {
  allocate(11);
  EXPECT_FALSE(free(11, kClient + 1));
  EXPECT_EQ(groups.count(), 1);
}

TEST_F(ChannelGroupsTest, ASliceIsDueOnlyAfterTheGroupHasRun) {
  allocate(11);
  EXPECT_EQ(slice_due_ns(only(), 5000), 0U);
  EXPECT_FALSE(schedule(11, 0x1F));
  EXPECT_TRUE(schedule(11));
  EXPECT_EQ(slice_due_ns(only(), 5000), kNow + kSliceSettleNs);
  EXPECT_EQ(slice_due_ns(only(), 0), 0U);  // leave as it is
}

TEST_F(ChannelGroupsTest, ASliceThatIsSetIsNotDueAgain) {
  allocate(11);
  schedule(11);
  groups.slice_was_set(only(), 5000, true);
  EXPECT_EQ(slice_due_ns(only(), 5000), 0U);
  EXPECT_NE(slice_due_ns(only(), 1), 0U);
}

TEST_F(ChannelGroupsTest, ARefusedSliceIsTriedThreeTimes) {
  allocate(11);
  schedule(11);
  for (int i = 0; i < kSliceTries; ++i) {
    EXPECT_NE(slice_due_ns(only(), 5000), 0U);
    groups.slice_was_set(only(), 5000, false);
  }
  EXPECT_EQ(slice_due_ns(only(), 5000), 0U);
  EXPECT_EQ(only().slice_us, 0U);             // and is not told as set
  EXPECT_NE(slice_due_ns(only(), 2000), 0U);  // another one is tried
}

TEST_F(ChannelGroupsTest, AFullTableKeepsWhatItHas) {
  for (uint32_t object = 100; object < 100 + kMaxChannelGroups + 10; ++object) {
    allocate(object);
  }
  EXPECT_EQ(groups.count(), kMaxChannelGroups);
  EXPECT_TRUE(free(100));
}

TEST(OfInterest, IsDecidedByTypeAndNumber) {
  EXPECT_TRUE(ChannelGroups::of_interest(request<rm::AllocShort>(rm::kAllocNumber)));
  EXPECT_FALSE(ChannelGroups::of_interest(request<rm::AllocShort>(0x27)));
  EXPECT_FALSE(ChannelGroups::of_interest(_IOC(_IOC_READ, 'T', rm::kAllocNumber, 32)));
}

}  // namespace
}  // namespace corun::shim
