#include "gpu/switch_buffer.h"

#include <gtest/gtest.h>

#include "tests/gpu/fake_module.h"
#include "tests/gpu/switch_events.h"

namespace corun::gpu::testing {
namespace {

const DeviceAddress kGpu{0, "00000000:06:00.0"};

/// Those of results/h200/engine-probes, I.
const std::vector<std::string> kProven{"open /dev/nvidiactl",
                                       "open /dev/nvidia0",
                                       "register",
                                       "open /dev/nvidiactl",
                                       "open /dev/nvidiactl",
                                       "alloc client",
                                       "attached",
                                       "pci",
                                       "instance",
                                       "alloc device 0",
                                       "alloc subdevice",
                                       "alloc cached memory",
                                       "map",
                                       "alloc cached memory",
                                       "map",
                                       "alloc event buffer",
                                       "bind",
                                       "enable",
                                       "flush"};

TEST(SwitchBuffer, IsMadeInTheseSteps) {
  FakeModule module;
  const auto buffer = SwitchBuffer::open(kGpu, module);
  ASSERT_TRUE(buffer) << buffer.error().text();
  EXPECT_EQ(module.steps, kProven);
}

TEST(SwitchBuffer, AnyStepThatIsRefusedMakesItUnsupported) {
  for (const std::string& step : kProven) {
    if (step == "pci" || step == "alloc cached memory") continue;  // it goes on without
    FakeModule module;
    module.refused = step;
    const auto buffer = SwitchBuffer::open(kGpu, module);
    ASSERT_FALSE(buffer) << step;
    EXPECT_EQ(buffer.error().kind, ErrorKind::kUnsupported) << step;
    EXPECT_EQ(module.steps.back(), step) << "nothing is tried behind it";
  }
}

TEST(SwitchBuffer, ARefusalSaysWhatWasRefusedAndWhy) {
  FakeModule module;
  module.refused = "bind";
  module.reason = rm::kBindNeedsAdmin;
  EXPECT_EQ(SwitchBuffer::open(kGpu, module).error().what,
            "the driver does not tell its context switches: bind: not supported (0x56): only for "
            "root here");
  FakeModule absent;
  absent.refused = "open /dev/nvidiactl";
  EXPECT_EQ(SwitchBuffer::open(kGpu, absent).error().what,
            "cannot open /dev/nvidiactl: No such file or directory");
}

TEST(SwitchBuffer, WithoutCachedMemoryItTakesOther) {
  FakeModule module;
  module.refused = "alloc cached memory";
  EXPECT_TRUE(SwitchBuffer::open(kGpu, module));
}

TEST(SwitchBuffer, TheDeviceIsFoundByItsPciAddress) {
  FakeModule module;
  module.devices = {{0x500, 5, 0}, {0x600, 6, 3}};
  ASSERT_TRUE(SwitchBuffer::open(kGpu, module));
  EXPECT_EQ(std::count(module.steps.begin(), module.steps.end(), "alloc device 3"), 1);
  module.devices.erase(module.devices.begin());
  module.devices[0].bus = 7;
  EXPECT_EQ(SwitchBuffer::open(kGpu, module).error().kind, ErrorKind::kUnsupported);
}

TEST(SwitchBuffer, AReadingHasWhatCameSinceTheLastOne) {
  FakeModule module;
  auto buffer = SwitchBuffer::open(kGpu, module);
  ASSERT_TRUE(buffer);
  EXPECT_TRUE(buffer->read().value().records.empty());
  module.add(switch_event(true, 977, 100));
  module.add(switch_event(false, 977, 300));
  const SwitchBatch first = buffer->read().value();
  ASSERT_EQ(first.records.size(), 2U);
  EXPECT_EQ(first.records[1].timestamp_ns, static_cast<uint64_t>(kGpuEpoch + 300'000));
  module.add(switch_event(true, 976, 385));
  EXPECT_EQ(buffer->read().value().records.at(0).pid, 976U);
}

TEST(SwitchBuffer, RecordsGoRoundTheRing) {
  FakeModule module;
  auto buffer = SwitchBuffer::open(kGpu, module);
  ASSERT_TRUE(buffer);
  uint32_t next = 0;
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < 5000; ++i) module.add(switch_event(true, next + i, 1));
    const SwitchBatch batch = buffer->read().value();
    ASSERT_EQ(batch.records.size(), 5000U);
    for (const rm::SwitchEvent& event : batch.records) ASSERT_EQ(event.pid, next++);
  }
}

TEST(SwitchBuffer, WhatFindsNoRoomIsCounted) {
  FakeModule module;
  auto buffer = SwitchBuffer::open(kGpu, module);
  ASSERT_TRUE(buffer);
  for (uint32_t i = 0; i < SwitchBuffer::kRecords + 9; ++i) module.add(switch_event(true, i, 1));
  const SwitchBatch full = buffer->read().value();
  EXPECT_EQ(full.records.size(), SwitchBuffer::kRecords - 1);
  EXPECT_EQ(full.lost, 10U);
  EXPECT_EQ(buffer->read().value().lost, 0U);
}

TEST(SwitchBuffer, APositionOutsideOfTheRingEndsIt) {
  FakeModule module;
  auto buffer = SwitchBuffer::open(kGpu, module);
  ASSERT_TRUE(buffer);
  module.set_put(SwitchBuffer::kRecords);
  EXPECT_EQ(buffer->read().error().kind, ErrorKind::kFailed);
}

TEST(SwitchBuffer, AModuleThatRefusesLaterEndsIt) {
  FakeModule module;
  auto buffer = SwitchBuffer::open(kGpu, module);
  ASSERT_TRUE(buffer);
  module.refused = "flush";
  EXPECT_FALSE(buffer->read());
}

}  // namespace
}  // namespace corun::gpu::testing
