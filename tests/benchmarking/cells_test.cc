#include "benchmarking/cells.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace corun::benchmarking {
namespace {

CellRecord full_cell() {
  CellRecord cell;
  cell.run = "demo";
  cell.cell = "mps-pair-0";
  cell.mode = "mps";
  cell.mix = "pair";
  cell.n = 2;
  cell.rep = 3;
  cell.valid = false;
  cell.reason = "foreign process";
  cell.stp = 1.2;
  cell.antt = 1.7;
  cell.worst_progress = 0.5;
  cell.jain = 0.97;
  cell.jain_1s = 0.95;
  cell.tax = -0.2;
  cell.aggregate = 1500;
  cell.unit = "kernels/s";
  cell.energy_j = 900;
  cell.energy_above_idle_j = 700;
  cell.idle_power_w = 70;
  cell.utilization_nvml = 1;
  cell.sm_active = 0.8;
  cell.memory_used_bytes = 1u << 30;
  cell.window_begin_ns = 5'000'000'000;
  cell.window_end_ns = 7'000'000'000;
  cell.telemetry_begin_ns = 4'000'000'000;
  cell.telemetry_end_ns = 8'000'000'000;
  cell.bracket_drift = 0.004;
  cell.power_coupled = true;
  return cell;
}

TEST(Cells, ACellComesBackTheSame) {
  const Json json = to_json(full_cell());
  auto back = cell_record_from_json(json);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(back->tax, -0.2);
  EXPECT_EQ(back->window_end_ns, 7'000'000'000);
}

TEST(Cells, EveryKeyIsNeededDocumentedAndNamedWhenItIsMissing) {
  std::ifstream file(CORUN_SOURCE_DIR "/docs/cells.md");
  const std::string documentation((std::istreambuf_iterator<char>(file)), {});
  const Json json = to_json(full_cell());
  for (const auto& [key, value] : json.items()) {
    EXPECT_NE(documentation.find("`" + key + "`"), std::string::npos) << key;
    Json without = json;
    without.erase(key);
    auto back = cell_record_from_json(without);
    ASSERT_FALSE(back) << key;
    EXPECT_EQ(back.error().text(), "cell: missing key '" + key + "'");
  }
}

TEST(Cells, TelemetryComesBackTheSameAndWhatIsNotKnownIsNull) {
  TelemetryRecord record;
  record.cell = "mps-pair-0";
  record.snapshot.at.ns = 12;
  record.snapshot.power_w = 350.5;
  record.snapshot.processes = {{42, 1u << 20, true, 0.5}, {43, {}, false, {}}};
  const Json json = to_json(record);
  EXPECT_TRUE(json.at("sm_active").is_null());
  auto back = telemetry_record_from_json(json);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(back->snapshot.processes.at(0).pid, 42);
}

TEST(Cells, ABrokenProcessEntryIsNamed) {
  Json json = to_json(TelemetryRecord{});
  json["processes"] = Json::array({Json::object()});
  EXPECT_EQ(telemetry_record_from_json(json).error().text(),
            "telemetry: key 'processes': entry: missing key 'pid'");
}

}  // namespace
}  // namespace corun::benchmarking
