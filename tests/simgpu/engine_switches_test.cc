// What the driver would record of the device's switches, as results/h200/engine-probes (I) shows
// it.
#include <map>

#include "tests/simgpu/engine_bench.h"

namespace corun::simgpu {
namespace {

std::vector<GroupSwitch> switches(Device& device, Instant until) {
  std::vector<GroupSwitch> all;
  device.take_switches(until, all);
  return all;
}

TEST(Switches, TwoSaturatingGroupsTakeTurnsWithTheRecordedGapBetween) {
  Device device(h100(), {});
  device.note_switches(true);
  const Lane a = add_lane(device);
  const Lane b = add_lane(device);
  std::vector<Saturating> tenants = {{a.stream, full_kernel(200)}, {b.stream, full_kernel(200)}};
  drive(device, tenants, nullptr, at_s(0.1));
  const auto all = switches(device, at_s(0.1));
  ASSERT_GT(all.size(), 80U);
  for (size_t i = 2; i + 1 < all.size(); i += 2) {
    const GroupSwitch& begin = all[i];
    const GroupSwitch& end = all[i + 1];
    EXPECT_TRUE(begin.begins && !end.begins);
    EXPECT_EQ(begin.group, end.group);
    EXPECT_NE(begin.group, all[i - 1].group);
    EXPECT_EQ(begin.at - all[i - 1].at, std::chrono::microseconds(85));
    EXPECT_NEAR(to_millis(end.at - begin.at), 2.1, 0.01) << "a slice, and what saving it takes";
  }
}

TEST(Switches, AGroupThatIsAloneKeepsTheGpuThroughItsPauses) {
  Device device(h100(), {});
  device.note_switches(true);
  const Lane a = add_lane(device);
  for (int i = 0; i < 5; ++i) device.submit(a.stream, full_kernel(200), 0, at_s(i));
  const auto all = switches(device, at_s(6));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0].begins);
}

TEST(Switches, ASwitchIsToldWhenItsTimeHasCome) {
  Device device(h100(), {});
  device.note_switches(true);
  const Lane a = add_lane(device);
  const Lane b = add_lane(device);
  device.submit(a.stream, full_kernel(200), 0, {});
  device.submit(b.stream, full_kernel(200), 0, at_us(1000));
  EXPECT_EQ(switches(device, at_us(1000)).size(), 1U);
  const auto end = switches(device, at_us(1150));
  ASSERT_EQ(end.size(), 1U);
  EXPECT_FALSE(end[0].begins);
  EXPECT_LE(end[0].at, at_us(1150));
}

TEST(Switches, AGroupThatIsRemovedOnTheGpuLeavesNoEnd) {
  Device device(h100(), {});
  device.note_switches(true);
  const Lane a = add_lane(device);
  device.submit(a.stream, full_kernel(200), 0, {});
  device.remove_client(a.client, at_us(100));
  device.remove_group(a.group, at_us(100));
  EXPECT_EQ(switches(device, at_s(1)).size(), 1U);
}

TEST(Switches, NothingIsNotedForNobody) {
  Device device(h100(), {});
  const Lane a = add_lane(device);
  device.submit(a.stream, full_kernel(200), 0, {});
  EXPECT_TRUE(switches(device, at_s(1)).empty());
}

}  // namespace
}  // namespace corun::simgpu
