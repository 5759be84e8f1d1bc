#include "benchmarking/mix.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/files.h"

namespace corun::benchmarking {
namespace {

std::vector<std::string> names(const Mix& mix) {
  std::vector<std::string> result;
  for (const TenantSpec& tenant : mix.tenants) result.push_back(tenant.workload.name);
  return result;
}

TEST(CycleMix, CyclesTrainInferNotebookInfer) {
  Mix mix = cycle_mix(5);
  EXPECT_EQ(mix.name, "cycle-5");
  EXPECT_EQ(names(mix),
            (std::vector<std::string>{"train", "infer", "notebook", "infer-2", "train-2"}));
}

TEST(CycleMix, WorkloadsOfTheSameCommandAreTheSameWhenAlone) {
  Mix mix = cycle_mix(4);
  EXPECT_EQ(solo_identity(mix.tenants[1]), solo_identity(mix.tenants[3]));
  EXPECT_NE(solo_identity(mix.tenants[0]), solo_identity(mix.tenants[1]));
}

TEST(TenantArgument, SplitsTheCommandLikeAShell) {
  auto tenant = tenant_from_argument("a=python3 train.py --name 'big one' --x=\"1 2\" a\\ b", {});
  ASSERT_TRUE(tenant) << tenant.error().text();
  EXPECT_EQ(tenant->workload.name, "a");
  EXPECT_EQ(tenant->workload.command, (std::vector<std::string>{"python3", "train.py", "--name",
                                                                "big one", "--x=1 2", "a b"}));
  EXPECT_EQ(tenant->speaks, Speaks::kUnknown);
}

struct BadArgument {
  const char* argument;
  const char* error;
};

class BadTenantArgument : public testing::TestWithParam<BadArgument> {};

TEST_P(BadTenantArgument, IsOneClearError) {
  auto tenant = tenant_from_argument(GetParam().argument, {});
  ASSERT_FALSE(tenant);
  EXPECT_EQ(tenant.error().text(), GetParam().error);
  EXPECT_EQ(tenant.error().kind, ErrorKind::kUsage);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTenantArgument,
    testing::Values(
        BadArgument{"train", "--tenant 'train' has no '='; write --tenant NAME='COMMAND ...'"},
        BadArgument{"A=x",
                    "--tenant name 'A' is not a name; use lower-case letters, digits and '-', "
                    "beginning with a letter, at most 40"},
        BadArgument{"a=", "--tenant a: the command is empty; give a program to start"},
        BadArgument{"a='x", "--tenant a: the command has an open ' quote; close it"}));

constexpr char kWhole[] = R"(
name: pair
description: all keys
workloads:
  - name: lc
    kind: inference
    class: latency-critical
    command: corun-synthetic infer --rate 300
    arrival: constant
    weight: 3
    env: {A: b}
    memory-limit: 2GiB
    thread-percentage: 50
    latency-target: 15ms
  - name: be
    count: 2
    command: [corun-synthetic, train]
  - name: other
    command: sleep 100
    speaks: nothing
    ready-after: 5s
)";

TEST(MixFile, EveryKeyIsRead) {
  auto mix = parse_mix(kWhole, "dir/file.yaml");
  ASSERT_TRUE(mix) << mix.error().text();
  EXPECT_EQ(mix->name, "pair");
  EXPECT_EQ(names(*mix), (std::vector<std::string>{"lc", "be", "be-2", "other"}));
  const WorkloadSpec& lc = mix->tenants[0].workload;
  EXPECT_EQ(lc.kind, WorkloadKind::kInference);
  EXPECT_EQ(lc.service_class, ServiceClass::kLatencyCritical);
  EXPECT_EQ(lc.command, (std::vector<std::string>{"corun-synthetic", "infer", "--rate", "300",
                                                  "--arrivals", "constant"}));
  EXPECT_EQ(lc.weight, 3);
  EXPECT_EQ(lc.env.at("A"), "b");
  EXPECT_EQ(lc.memory_limit_bytes, uint64_t{2} << 30);
  EXPECT_EQ(lc.thread_percentage, 50);
  EXPECT_EQ(lc.latency_target_ms, 15);
  EXPECT_EQ(mix->tenants[3].speaks, Speaks::kNothing);
  EXPECT_EQ(mix->tenants[3].ready_after, std::chrono::seconds(5));
}

TEST(MixFile, WithoutANameItHasTheFilesName) {
  auto mix = parse_mix("workloads: [{name: a, command: x}]", "dir/my-mix.yaml");
  ASSERT_TRUE(mix) << mix.error().text();
  EXPECT_EQ(mix->name, "my-mix");
}

struct BadFile {
  const char* yaml;
  const char* error;
};

class BadMixFile : public testing::TestWithParam<BadFile> {};

TEST_P(BadMixFile, NamesLineAndColumn) {
  auto mix = parse_mix(GetParam().yaml, "m.yaml");
  ASSERT_FALSE(mix);
  EXPECT_EQ(mix.error().text(), GetParam().error);
  EXPECT_EQ(mix.error().kind, ErrorKind::kUsage);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadMixFile,
    testing::Values(
        BadFile{"workloads: [",
                "m.yaml:1:1: end of sequence flow not found; "
                "see docs/mixes.md for the format"},
        BadFile{"", "m.yaml:1:1: a mix must be 'key: value' lines"},
        BadFile{"name: a", "m.yaml:1:1: a mix without 'workloads'; list its workloads"},
        BadFile{"workload: []", "m.yaml:1:1: unknown key 'workload'; did you mean 'workloads'?"},
        BadFile{"workloads: []", "m.yaml:1:12: 'workloads' must be a list of workloads, not empty"},
        BadFile{"workloads:\n- name: a\n  comand: x",
                "m.yaml:3:3: unknown key 'comand'; did you mean 'command'?"},
        BadFile{"workloads:\n- name: a",
                "m.yaml:2:3: workload 'a' has no 'command'; "
                "say what to start"},
        BadFile{"workloads:\n- command: x", "m.yaml:2:3: a workload without 'name'; give it one"},
        BadFile{"workloads:\n- name: a\n  name: b\n  command: x",
                "m.yaml:3:3: key 'name' is given twice; keep one of them"},
        BadFile{"workloads:\n- {name: a, command: x, weight: heavy}",
                "m.yaml:2:33: 'weight' must be a number from 0.001 to 1000"},
        BadFile{"workloads:\n- {name: a, command: x, class: urgent}",
                "m.yaml:2:32: 'class': unknown class 'urgent'; use one of latency-critical, "
                "normal, best-effort"},
        BadFile{"workloads:\n- {name: a, command: x, thread-percentage: 101}",
                "m.yaml:2:44: 'thread-percentage' must be a whole number from 1 to 100"},
        BadFile{"workloads:\n- {name: a, command: x}\n- {name: a, command: y}",
                "m.yaml:3:10: two workloads are named 'a'; names are unique in a mix"},
        BadFile{"workloads:\n- {name: a, command: x, speaks: french}",
                "m.yaml:2:33: unknown 'speaks' 'french'; use rows (docs/row-protocol.md) or "
                "nothing"},
        BadFile{"workloads:\n- {name: a, command: x, arrival: bursts}",
                "m.yaml:2:34: unknown 'arrival' 'bursts'; use poisson or constant"},
        BadFile{"workloads:\n- {name: a, command: x, arrival: [poisson]}",
                "m.yaml:2:34: 'arrival' must be a text"},
        BadFile{"workloads:\n- {name: a, command: x --arrivals=constant, arrival: poisson}",
                "m.yaml:2:54: 'arrival' beside --arrivals in the command; keep one of them"},
        BadFile{"workloads:\n- {name: a, command: x, ready-after: 5s}",
                "m.yaml:2:38: 'ready-after' is for silent commands only; add 'speaks: nothing', or "
                "leave it out"},
        BadFile{"workloads:\n- {name: A b, command: x}",
                "m.yaml:2:10: 'A b' is not a workload name; use lower-case letters, digits and "
                "'-', beginning with a letter, at most 40"}));

TEST(FindMix, AnUnknownNameGetsTheNearestOne) {
  auto folder = TemporaryFolder::create("mixes");
  ASSERT_TRUE(folder);
  ASSERT_TRUE(write_file_atomically(folder->path() / "two-train.yaml",
                                    "workloads: [{name: a, command: x}]"));
  std::vector<std::filesystem::path> folders{folder->path()};
  auto mix = find_mix("two-train", folders);
  ASSERT_TRUE(mix) << mix.error().text();
  EXPECT_EQ(mix->name, "two-train");
  EXPECT_EQ(find_mix("two-trian", folders).error().text(),
            "unknown mix 'two-trian'; did you mean 'two-train'?");
  EXPECT_EQ(find_mix("other", folders).error().text(),
            "unknown mix 'other'; use a file, or one of: two-train");
}

TEST(Repeated, CyclesThroughTheMixAndNumbersNames) {
  auto mix = parse_mix("workloads: [{name: a, command: x}, {name: b, command: y}]", "two.yaml");
  ASSERT_TRUE(mix);
  Mix three = repeated(*mix, 3);
  EXPECT_EQ(three.name, "two-3");
  EXPECT_EQ(names(three), (std::vector<std::string>{"a", "b", "a-2"}));
}

}  // namespace
}  // namespace corun::benchmarking
