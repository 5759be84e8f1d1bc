#include "core/row.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace corun {
namespace {

ResultRow full_row() {
  ResultRow row;
  row.run = "demo";
  row.gpu = "NVIDIA H100";
  row.driver = "580.0";
  row.simulated = true;
  row.mode = "time-slicing";
  row.mix = "pair";
  row.n = 2;
  row.rep = 1;
  row.cell = "time-slicing-pair-1";
  row.workload = "infer";
  row.kind = WorkloadKind::kInference;
  row.service_class = ServiceClass::kLatencyCritical;
  row.throughput = 812.5;
  row.unit = "requests/s";
  row.latency_ms = LatencySummary{600,
                                  Estimate{1.5, 1.4, 1.6},
                                  Estimate{2, 1.9, 2.2},
                                  Estimate{3, {}, {}},
                                  Estimate{5, 4, 6},
                                  std::nullopt};
  row.service_ms = LatencySummary{600, Estimate{1, .9, 1.1}, {}, {}, {}, {}};
  row.offered = 815;
  row.progress = Estimate{0.98, 0.97, 0.99};
  row.utilization_nvml = 1.0;
  row.sm_active = 0.4;
  row.gpu_seconds = 1.2;
  row.memory_bytes = 123456789;
  row.checksum = "9f0c";
  row.checksum_ok = true;
  row.window_seconds = 2;
  row.generator_lag_p99_us = 17;
  row.cpu_bound = true;
  row.valid = false;
  row.reason = "bracketing solos differ";
  return row;
}

TEST(Row, AManagedRowComesBackTheSameAndOthersHaveNoSuchKey) {
  ResultRow row = full_row();
  EXPECT_FALSE(to_json(row).contains("managed"));
  row.managed = ManagedFigures();
  row.managed->mechanism = "gate";
  row.managed->launches = 7;
  const Json json = to_json(row);
  auto back = result_row_from_json(json);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(back->managed->launches, 7U);
}

TEST(ManagedFigures, CountsAreThoseBetweenTwoLooks) {
  ManagedFigures before;
  before.seconds = 10;
  before.launches = 100;
  before.slice_us = 50;
  ManagedFigures after;
  after.seconds = 13;
  after.mechanism = "gate";
  after.launches = 90;
  after.slice_us = 20;
  const ManagedFigures counted = since(before, after);
  EXPECT_EQ(counted.seconds, 3);
  EXPECT_EQ(counted.mechanism, "gate");
  EXPECT_EQ(counted.launches, 0U) << "a process left in between";
  EXPECT_EQ(counted.slice_us, 20U);
}

TEST(Row, AFullRowComesBackTheSame) {
  const Json json = to_json(full_row());
  auto back = result_row_from_json(json);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(back->latency_ms->p99->high, 6);
  EXPECT_FALSE(back->latency_ms->p95->low.has_value());
  EXPECT_FALSE(back->latency_ms->p999.has_value());
  EXPECT_EQ(back->service_class, ServiceClass::kLatencyCritical);
  EXPECT_EQ(back->memory_bytes, 123456789u);
}

TEST(Row, WhatIsNotKnownIsNull) {
  const Json json = to_json(ResultRow{});
  for (const char* key : {"throughput", "latency_ms", "service_ms", "offered", "progress",
                          "gpu_seconds", "memory_bytes", "checksum", "checksum_ok"}) {
    EXPECT_TRUE(json.at(key).is_null()) << key;
  }
  EXPECT_TRUE(json.at("utilization").at("nvml").is_null());
  ASSERT_TRUE(result_row_from_json(json));
}

TEST(Row, EveryKeyIsNeededAndNamedWhenItIsMissing) {
  const Json json = to_json(full_row());
  for (const auto& [key, value] : json.items()) {
    Json without = json;
    without.erase(key);
    auto back = result_row_from_json(without);
    ASSERT_FALSE(back) << key;
    EXPECT_EQ(back.error().text(), "row: missing key '" + key + "'");
  }
}

TEST(Row, AWronglyTypedKeyIsNamed) {
  const Json json = to_json(full_row());
  for (const auto& [key, value] : json.items()) {
    Json wrong = json;
    wrong[key] = Json::array({1});
    auto back = result_row_from_json(wrong);
    ASSERT_FALSE(back) << key;
    EXPECT_NE(back.error().text().find("'" + key + "'"), std::string::npos) << back.error().text();
  }
}

struct WrongValue {
  const char* pointer;
  Json value;
  const char* error;
};

TEST(Row, AnImpossibleValueSaysWhatWasExpected) {
  const std::vector<WrongValue> cases{
      {"/schema", 2, "row: key 'schema': this corun reads version 1, not 2"},
      {"/n", 2.5, "row: key 'n': not a whole number but 2.5"},
      {"/n", 99999999999, "row: key 'n': not a whole number of 32 bits but 99999999999"},
      {"/memory_bytes", -1,
       "row: key 'memory_bytes': not a whole number that is not negative but -1"},
      {"/progress/value", "x", "row: key 'progress': value: key 'value': not a number but \"x\""},
      {"/class", "urgent",
       "row: key 'class': unknown class 'urgent'; use one of latency-critical, normal, "
       "best-effort"},
  };
  for (const WrongValue& c : cases) {
    Json json = to_json(full_row());
    json[Json::json_pointer(c.pointer)] = c.value;
    auto back = result_row_from_json(json);
    ASSERT_FALSE(back) << c.pointer;
    EXPECT_EQ(back.error().text(), c.error);
  }
}

TEST(Row, EveryKeyStandsInTheDocumentation) {
  std::ifstream file(CORUN_SOURCE_DIR "/docs/result-row.md");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  ASSERT_FALSE(text.empty());
  const Json json = to_json(ResultRow{});
  for (const auto& [key, value] : json.items()) {
    EXPECT_NE(text.find("`" + key + "`"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace corun
