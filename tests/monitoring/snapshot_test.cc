#include "monitoring/snapshot.h"

#include <gtest/gtest.h>

#include "core/json_values.h"

namespace corun::monitoring {
namespace {

Snapshot full_snapshot() {
  Snapshot snapshot;
  snapshot.at = 1.8e9;
  snapshot.node = {.hostname = "n", .version = "1", .driver = "580", .simulated = true};
  snapshot.node.collector.errors = {"e"};
  snapshot.replay = Replay{.file = "f", .to = 2, .speed = 4, .paused = true};
  Gpu gpu;
  gpu.uuid = "GPU-1";
  gpu.utilization = 0.5;
  gpu.throttle_reasons = {"sw-power-cap"};
  gpu.last_xid = LastXid{31, 5};
  gpu.mode = "mig";
  gpu.mig = Mig{.enabled = true, .slots = 7, .instances = {{.uuid = "MIG-1", .size = 2}}};
  gpu.mps = Mps{.servers = {{5, 1000}}, .clients = {6, 7}};
  gpu.daemon = Daemon{.pid = 8, .figures = {{"gpu_seconds", {1.5, client::Label::kMeasured}}}};
  gpu.processes = {{.pid = 9, .memory_bytes = 10, .container = "abc"}};
  snapshot.gpus.push_back(gpu);
  snapshot.containers = {{.id = "abcdef", .short_id = "abc", .pod = Pod{.uid = "u", .name = "p"}}};
  Workload workload;
  workload.workload = "0/a";
  workload.service_class = ServiceClass::kLatencyCritical;
  workload.pids = {9};
  workload.rates.gpu_ratio = {0.25, client::Label::kEstimated};
  workload.burst_lengths = client::Lengths{{100, 200.5}, {1, 0, 7}, 1234};
  workload.sessions.resize(1);
  workload.sessions[0].flags = {"bursting"};
  workload.reasons = {{"slice 6000 us", "why"}};
  snapshot.workloads.push_back(workload);
  return snapshot;
}

TEST(Snapshot, ComesBackFromItsJson) {
  const Snapshot snapshot = full_snapshot();
  const Json json = parse_json(to_line(to_json(snapshot)), "test").value();
  EXPECT_EQ(json["schema"], 1);
  const auto back = snapshot_from_json(json);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_TRUE(*back == snapshot);
}

TEST(Snapshot, WhatIsNotKnownIsNull) {
  const Json json = to_json(Snapshot{.gpus = {Gpu{}}});
  EXPECT_TRUE(json["gpus"][0]["utilization"].is_null());
  EXPECT_TRUE(json["gpus"][0]["daemon"].is_null());
  EXPECT_TRUE(json["replay"].is_null());
}

TEST(Snapshot, AnErrorNamesThePlace) {
  Json json = to_json(full_snapshot());
  json["gpus"][0]["index"] = "zero";
  EXPECT_NE(snapshot_from_json(json).error().what.find("snapshot.gpus.index"), std::string::npos);
  json = to_json(full_snapshot());
  json.erase("node");
  EXPECT_EQ(snapshot_from_json(json).error().what, "snapshot: missing key 'node'");
  json = to_json(full_snapshot());
  json["schema"] = 2;
  EXPECT_FALSE(snapshot_from_json(json));
  EXPECT_FALSE(snapshot_from_json(Json::array()));
}

TEST(Snapshot, KeysOfLaterVersionsAreIgnored) {
  Json json = to_json(full_snapshot());
  json["later"] = 1;
  json["gpus"][0]["later"] = {1, 2};
  EXPECT_TRUE(snapshot_from_json(json));
}

TEST(SliceBlock, AndEventComeBack) {
  const SliceBlock block{"GPU-1", "0/a", 1, 2, "run", 1, client::Label::kMeasured};
  EXPECT_EQ(slice_block_from_json(to_json(block)).value(), block);
  const Event event{7, 1, "GPU-1", std::nullopt, Severity::kError, "xid", "XID 79"};
  EXPECT_EQ(event_from_json(to_json(event)).value(), event);
}

}  // namespace
}  // namespace corun::monitoring
