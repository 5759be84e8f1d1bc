// Random programs on random profiles: what must hold for every one of them.
#include <map>
#include <variant>

#include "tests/simgpu/engine_bench.h"

namespace corun::simgpu {
namespace {

/// One call to the device. `stream` counts the streams of the program.
struct Call {
  enum class Kind { kSubmit, kSetSlice, kKill };
  Instant at;
  Kind kind = Kind::kSubmit;
  size_t lane = 0;
  Work work = {};
  size_t wait_for = SIZE_MAX;  // a WaitWork for this call's operation
  double slice_us = 0;
};

struct Program {
  Profile profile;
  bool mps = false;
  size_t lanes = 0;
  std::vector<ContextOptions> options;
  std::vector<Call> calls;
};

constexpr Instant kEndOfTime{INT64_MAX};

Instant in_first_20ms(std::mt19937_64& random) {
  return at_us(std::uniform_real_distribution<double>(0, 20'000)(random));
}

KernelWork random_kernel(std::mt19937_64& random) {
  KernelWork kernel;
  kernel.blocks = 1 + random() % 3000;
  kernel.blocks_per_sm = 1 + static_cast<uint32_t>(random() % 16);
  kernel.block_time = Nanos(static_cast<int64_t>(random() % 150'000));
  if (random() % 2 == 0) kernel.dram_bytes = random() % 200'000'000;
  return kernel;
}

GraphNode random_node(std::mt19937_64& random) {
  switch (random() % 8) {
    case 0:
      return CopyWork{CopyDirection::kDeviceToHost, random() % 1'000'000};
    case 1:
      return DeviceMemoryWork{random() % 5'000'000};
    case 2:
      return MarkWork{};
    default:
      return random_kernel(random);
  }
}

Work random_work(std::mt19937_64& random) {
  switch (random() % 6) {
    case 0:
      return CopyWork{
          random() % 2 == 0 ? CopyDirection::kHostToDevice : CopyDirection::kDeviceToHost,
          random() % 5'000'000};
    case 1:
      return DeviceMemoryWork{random() % 50'000'000};
    case 2: {
      auto nodes = std::make_shared<std::vector<GraphNode>>();
      for (uint64_t n = random() % 6; n > 0; --n) nodes->push_back(random_node(random));
      return GraphWork{nodes};
    }
    default:
      return random_kernel(random);
  }
}

Program random_program(uint64_t seed) {
  std::mt19937_64 random(seed);
  Program program;
  program.profile = h100();
  if (random() % 4 == 0) program.profile.kernel_gap = {};
  if (random() % 4 == 0) program.profile.submit_latency = {};
  if (random() % 4 == 0) program.profile.slice_restore = {};
  if (random() % 4 == 0) program.profile.slice_switch = {};
  program.mps = random() % 2 == 0;
  program.lanes = 1 + random() % 5;
  for (size_t i = 0; i < program.lanes; ++i) {
    ContextOptions options{.mps = program.mps};
    if (random() % 3 == 0) options.thread_percentage = 1 + static_cast<int>(random() % 100);
    options.client_priority = static_cast<int>(random() % 2);
    program.options.push_back(options);
  }
  for (int i = 0; i < 300; ++i) {
    Call call{.at = in_first_20ms(random), .lane = random() % program.lanes};
    call.work = random_work(random);
    program.calls.push_back(call);
  }
  if (random() % 2 == 0) {
    program.calls.push_back({.at = in_first_20ms(random),
                             .kind = Call::Kind::kSetSlice,
                             .lane = random() % program.lanes,
                             .work = MarkWork{},
                             .slice_us = 1 + static_cast<double>(random() % 5000)});
  }
  if (random() % 3 == 0) {
    program.calls.push_back({.at = in_first_20ms(random), .kind = Call::Kind::kKill});
  }
  std::stable_sort(program.calls.begin(), program.calls.end(),
                   [](const Call& a, const Call& b) { return a.at < b.at; });
  for (size_t i = 1; i < program.calls.size(); ++i) {
    if (random() % 5 == 0) program.calls[i].wait_for = random() % i;
  }
  return program;
}

struct Outcome {
  std::vector<Completion> log;
  Instant end;
  EngineTime time;
  std::vector<Nanos> group_times;
  Telemetry telemetry;
  size_t submitted = 0;
  size_t naps = 0;
  Nanos latest{0};  ///< how late the latest result was seen
};

/// What an owner does who sleeps until the next result.
void nap_until(Device& device, Instant to, Instant& now, Outcome& result) {
  for (auto due = device.next_result(); due && *due < to; due = device.next_result()) {
    const size_t before = result.log.size();
    now = std::max(now, *due);
    device.advance(now, result.log);
    ++result.naps;
    for (size_t i = before; i < result.log.size(); ++i) {
      result.latest = std::max(result.latest, now - result.log[i].at);
    }
  }
}

/// Runs the program; between two calls time goes on in steps of up to `step` (0: only at calls).
/// With `naps`, it goes on as it does for an owner who sleeps until the next result.
Outcome run(const Program& program, Nanos step, bool watch = false, bool naps = false) {
  Device device(program.profile, {});
  Outcome result;
  std::vector<Lane> lanes;
  const GroupId shared = program.mps ? device.add_group({}) : GroupId{};
  for (size_t i = 0; i < program.lanes; ++i) {
    lanes.push_back(add_lane(device, {}, shared, program.options[i]));
  }
  std::vector<OpId> ops(program.calls.size());
  std::vector<bool> killed(program.lanes);
  Instant now;
  const auto go_to = [&](Instant to) {
    if (naps) nap_until(device, to, now, result);
    for (; step > Nanos(0) && now + step < to; now = now + step) {
      device.advance(now + step, result.log);
      if (watch) device.telemetry(now + step);
    }
    now = to;
  };
  for (size_t i = 0; i < program.calls.size(); ++i) {
    const Call& call = program.calls[i];
    go_to(call.at);
    if (killed[call.lane]) continue;
    const Lane& lane = lanes[call.lane];
    if (call.kind == Call::Kind::kKill) {
      device.remove_client(lane.client, now);
      killed[call.lane] = true;
    } else if (call.kind == Call::Kind::kSetSlice) {
      device.set_timeslice(lane.group, from_micros(call.slice_us), now);
    } else if (call.wait_for != SIZE_MAX) {
      ops[i] = device.submit(lane.stream, WaitWork{ops[call.wait_for]}, i, now);
    } else {
      ops[i] = device.submit(lane.stream, call.work, i, now);
    }
  }
  if (naps) nap_until(device, kEndOfTime, now, result);
  while (device.next_event()) {
    const Instant next = std::max(now, *device.next_event());
    go_to(next);
    device.advance(next, result.log);
  }
  result.end = now;
  for (size_t i = 0; i < ops.size(); ++i) {
    if (!ops[i]) continue;
    EXPECT_TRUE(device.done(ops[i]));
    if (!killed[program.calls[i].lane]) ++result.submitted;
  }
  std::erase_if(result.log, [&](const Completion& completion) {
    return killed[program.calls[completion.tag].lane];
  });
  result.time = device.engine_time(now);
  result.telemetry = device.telemetry(now);
  if (program.mps) {
    result.group_times.push_back(device.group_time(shared, now));
  } else {
    for (const Lane& lane : lanes) {
      result.group_times.push_back(device.group_time(lane.group, now));
    }
  }
  return result;
}

bool same(const Completion& a, const Completion& b) {
  return a.op == b.op && a.tag == b.tag && a.kind == b.kind && a.at == b.at &&
         a.started == b.started;
}

class RandomPrograms : public testing::TestWithParam<uint64_t> {
 protected:
  Program program = random_program(GetParam());
};

TEST_P(RandomPrograms, EveryOperationIsDoneOnceInStreamOrder) {
  const Outcome result = run(program, Nanos(0));
  EXPECT_EQ(result.log.size(), result.submitted);
  std::map<StreamId, Completion> last;
  for (const Completion& completion : result.log) {
    EXPECT_LE(completion.started, completion.at);
    const auto before = last.find(completion.op.stream());
    if (before != last.end()) {
      EXPECT_LT(before->second.op, completion.op);
      EXPECT_LE(before->second.at, completion.started);
    }
    last[completion.op.stream()] = completion;
  }
  EXPECT_TRUE(std::is_sorted(result.log.begin(), result.log.end(),
                             [](const auto& a, const auto& b) { return a.at < b.at; }));
}

TEST_P(RandomPrograms, TheTimesOfTheComputeEngineSumUpToWallTime) {
  const Outcome result = run(program, Nanos(0));
  const EngineTime& time = result.time;
  EXPECT_EQ(time.working + time.restoring + time.switching + time.idle, result.end - Instant{});
  Nanos groups{0};
  for (const Nanos group : result.group_times) groups += group;
  EXPECT_EQ(groups, time.working);
  EXPECT_EQ(result.telemetry.busy, time.working + time.restoring + time.switching);
  EXPECT_LE(result.telemetry.sm_seconds, to_seconds(time.working) + 1e-9);
  if (program.mps) {
    EXPECT_EQ(time.switching, Nanos(0));
  }
}

TEST_P(RandomPrograms, StepsOfTimeChangeNothing) {
  const Outcome whole = run(program, Nanos(0));
  for (const Nanos step : {Nanos(3'777), Nanos(100'000)}) {
    const Outcome stepped = run(program, step, true);
    ASSERT_EQ(whole.log.size(), stepped.log.size());
    for (size_t i = 0; i < whole.log.size(); ++i) {
      ASSERT_TRUE(same(whole.log[i], stepped.log[i])) << "completion " << i;
    }
    EXPECT_EQ(whole.telemetry.energy_j, stepped.telemetry.energy_j);
    EXPECT_EQ(whole.telemetry.sm_seconds, stepped.telemetry.sm_seconds);
    EXPECT_EQ(whole.telemetry.temperature_c, stepped.telemetry.temperature_c);
    EXPECT_EQ(whole.time.switching, stepped.time.switching);
  }
}

TEST_P(RandomPrograms, NoResultComesBeforeItsOwnerWakes) {
  const Outcome whole = run(program, Nanos(0));
  const Outcome slept = run(program, Nanos(0), false, true);
  EXPECT_GT(slept.naps, 0U);
  EXPECT_EQ(slept.latest, Nanos(0));
  ASSERT_EQ(whole.log.size(), slept.log.size());
  for (size_t i = 0; i < whole.log.size(); ++i) {
    ASSERT_TRUE(same(whole.log[i], slept.log[i])) << "completion " << i;
  }
}

TEST_P(RandomPrograms, TheSmsAreNeverIdleWhileAKernelCouldRunAlone) {
  // One lane without waits for others: kernels follow one another without a hole but the gap.
  Program alone = program;
  alone.lanes = 1;
  std::erase_if(alone.calls, [](const Call& call) { return call.kind != Call::Kind::kSubmit; });
  for (Call& call : alone.calls) {
    call.lane = 0;
    call.at = {};
    call.wait_for = SIZE_MAX;
    if (!std::holds_alternative<KernelWork>(call.work)) call.work = full_kernel(10);
  }
  const Outcome result = run(alone, Nanos(0));
  const Nanos begin = alone.profile.submit_latency;
  EXPECT_EQ(
      result.time.idle,
      begin + (begin < alone.profile.kernel_gap ? alone.profile.kernel_gap - begin : Nanos(0)));
  EXPECT_EQ(result.time.restoring, alone.profile.slice_restore);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPrograms, testing::Range<uint64_t>(1, 41));

}  // namespace
}  // namespace corun::simgpu
