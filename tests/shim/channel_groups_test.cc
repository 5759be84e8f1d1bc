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
  return _IOC(_IOC_READ | _IOC_WRITE, kRmType, number, sizeof(Arguments));
}

class ChannelGroupsTest : public ::testing::Test {
 protected:
  template <class Arguments>
  bool call(unsigned number, const Arguments& arguments) {
    return groups.on_ioctl(9, kFile, request<Arguments>(number), &arguments, 0, kNow);
  }
  bool allocate(uint32_t object, uint32_t status = 0) {
    return call(kRmAlloc, RmAllocRightsArgs{.client = kClient,
                                            .parent = kParent,
                                            .object = object,
                                            .object_class = kClassChannelGroup,
                                            .status = status});
  }
  bool schedule(uint32_t object, uint32_t status = 0) {
    return call(
        kRmControl,
        RmControlArgs{
            .client = kClient, .object = object, .command = kControlSchedule, .status = status});
  }
  bool free(uint32_t object, uint32_t client = kClient) {
    return call(kRmFree, RmFreeArgs{.client = client, .parent = 0, .object = object, .status = 0});
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
  EXPECT_TRUE(call(
      kRmAlloc,
      RmAllocArgs{
          .client = kClient, .parent = kParent, .object = 11, .object_class = kClassChannelGroup}));
  EXPECT_EQ(groups.count(), 1);
}

TEST_F(ChannelGroupsTest, TheWrappedFormMakesAGroup) {
  const RmAllocRightsArgs inner{
      .client = kClient, .object = 11, .object_class = kClassChannelGroup};
  EXPECT_TRUE(call(kRmWrapped, RmWrappedArgs{.number = kRmAlloc,
                                             .bytes = sizeof inner,
                                             .arguments = reinterpret_cast<uint64_t>(&inner)}));
  EXPECT_EQ(groups.count(), 1);
}

TEST_F(ChannelGroupsTest, AFailedAllocationOrAnotherClassMakesNone) {
  EXPECT_FALSE(allocate(11, 0x22));
  EXPECT_FALSE(call(kRmAlloc, RmAllocArgs{.client = kClient, .object = 12, .object_class = 0x80}));
  EXPECT_EQ(groups.count(), 0);
}

TEST_F(ChannelGroupsTest, GroupsOfCopyEnginesAreLeftAlone) {
  for (const auto& [engine, counted] :
       {std::pair{0U, true}, {1U, true}, {8U, true}, {9U, false}, {11U, false}}) {
    groups.reset();
    const RmChannelGroupParameters parameters{.engine = engine};
    call(kRmAlloc, RmAllocArgs{.client = kClient,
                               .object = 11,
                               .object_class = kClassChannelGroup,
                               .parameters = reinterpret_cast<uint64_t>(&parameters)});
    EXPECT_EQ(groups.count(), counted ? 1 : 0) << engine;
  }
}

TEST_F(ChannelGroupsTest, ShortOrWildArgumentsMakeNone) {
  const RmWrappedArgs nowhere{.number = kRmAlloc, .bytes = 48, .arguments = 0};
  EXPECT_FALSE(call(kRmWrapped, nowhere));
  const RmFreeArgs small{.client = kClient, .parent = 0, .object = 0, .status = 0};
  EXPECT_FALSE(call(kRmAlloc, small));
  EXPECT_FALSE(call(kRmControl, small));
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
  EXPECT_TRUE(ChannelGroups::of_interest(request<RmAllocArgs>(kRmAlloc)));
  EXPECT_FALSE(ChannelGroups::of_interest(request<RmAllocArgs>(0x27)));
  EXPECT_FALSE(ChannelGroups::of_interest(_IOC(_IOC_READ, 'T', kRmAlloc, 32)));
}

}  // namespace
}  // namespace corun::shim
