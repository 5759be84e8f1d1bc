#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "simgpu/engine/costs.h"
#include "tests/simgpu/engine_bench.h"

namespace corun::simgpu {
namespace {

using testing::HasSubstr;

constexpr char kBurn[] = R"({"schema": 1, "kernels": {"burn": {
  "source": "test",
  "parameters": [{"name": "words", "type": "u32"}, {"name": "state", "type": "pointer"},
                 {"name": "iterations", "type": "u32"}, {"name": "scale", "type": "f32"}],
  "block_us": {"base": 2, "terms": [{"factor": 0.5, "quantities": ["iterations", "scale"]}]},
  "dram_bytes": {"terms": [{"factor": 8, "quantities": ["words", "blocks"]}]},
  "blocks_per_sm": 6,
  "effect": {"name": "lcg_step", "arguments": {"state": "state", "words": "words"}}}}})";

CostTable table(const std::string& text) {
  CostTable costs;
  const Status added = costs.add(*parse_json(text, "test"), "test");
  EXPECT_TRUE(added) << added.error().text();
  return costs;
}

struct BurnParameters {
  uint32_t words = 16;
  uint32_t padding = 0;
  uint64_t state = 0;
  uint32_t iterations = 100;
  float scale = 2;
};

TEST(KernelCosts, TheBuiltInKernelsAreRead) {
  CostTable costs;
  const Status added = costs.add_file(CORUN_SOURCE_DIR "/workloads/synthetic/kernels/costs.json");
  ASSERT_TRUE(added) << added.error().text();
  EXPECT_NE(costs.find("corun_burn"), nullptr);
}

TEST(KernelCosts, ParametersStandAtTheirAlignedPlaces) {
  const CostTable costs = table(kBurn);
  const KernelCost& burn = *costs.find("burn");
  EXPECT_EQ(burn.parameters[1].offset, 8U);
  EXPECT_EQ(burn.parameters[2].offset, 16U);
  EXPECT_EQ(burn.parameters[3].offset, 20U);
  EXPECT_EQ(burn.parameter_bytes(), sizeof(BurnParameters));
  EXPECT_EQ(burn.effect->arguments.at("state"), 1U);
}

TEST(KernelCosts, WorkFollowsFromParametersAndShape) {
  const CostTable costs = table(kBurn);
  const BurnParameters parameters;
  const auto work = kernel_work(*costs.find("burn"), {.blocks = 10, .threads_per_block = 128},
                                std::as_bytes(std::span(&parameters, 1)), h100());
  ASSERT_TRUE(work);
  EXPECT_EQ(work->block_time, from_micros(2 + 0.5 * 100 * 2));
  EXPECT_EQ(work->dram_bytes, 8U * 16 * 10);
  EXPECT_EQ(work->blocks, 10U);
  EXPECT_EQ(work->blocks_per_sm, 6U);
}

TEST(KernelCosts, ThreadsBoundTheBlocksOfAnSm) {
  const CostTable costs = table(kBurn);
  const BurnParameters parameters;
  const auto work = kernel_work(*costs.find("burn"), {.blocks = 10, .threads_per_block = 1024},
                                std::as_bytes(std::span(&parameters, 1)), h100());
  EXPECT_EQ(work->blocks_per_sm, 2U);
}

TEST(KernelCosts, AnUnknownKernelIsNothing) { EXPECT_EQ(table(kBurn).find("other"), nullptr); }

TEST(KernelCosts, ANegativeTimeOrAShortBufferFailsByName) {
  const CostTable costs = table(R"({"schema": 1, "kernels": {"k": {"source": "test",
      "parameters": [{"name": "n", "type": "i32"}],
      "block_us": {"terms": [{"factor": 1, "quantities": ["n"]}]}}}})");
  const int32_t n = -5;
  const auto bytes = std::as_bytes(std::span(&n, 1));
  const auto negative = kernel_work(*costs.find("k"), {}, bytes, h100());
  ASSERT_FALSE(negative);
  EXPECT_THAT(negative.error().text(), HasSubstr("\"k\""));
  EXPECT_FALSE(kernel_work(*costs.find("k"), {}, bytes.first(2), h100()));
}

TEST(KernelCosts, TheSameKernelTwiceIsAnError) {
  CostTable costs = table(kBurn);
  const Status again = costs.add(*parse_json(kBurn, "test"), "second.json");
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().text(), HasSubstr("second.json"));
}

struct BadFile {
  const char* entry;
  const char* message;
};

TEST(KernelCosts, WhatIsWrongIsSaidByKernelAndKey) {
  const BadFile files[] = {
      {R"({"parameters": [], "block_us": 1})", "source"},
      {R"({"source": "s", "block_us": 1})", "parameters"},
      {R"({"source": "s", "parameters": []})", "block_us"},
      {R"({"source": "s", "parameters": [], "block_us": "fast"})", "block_us"},
      {R"({"source": "s", "parameters": [], "block_us": 1, "blocks": 2})", "\"blocks\""},
      {R"({"source": "s", "parameters": [], "block_us": 1, "blocks_per_sm": 0})", "blocks_per_sm"},
      {R"({"source": "s", "parameters": [], "block_us": 1, "blocks_per_sm": 33})", "up to 32"},
      {R"({"source": "s", "parameters": [{"name": "a", "type": "u33"}], "block_us": 1})", "u33"},
      {R"({"source": "s", "parameters": [{"name": "blocks", "type": "u32"}], "block_us": 1})",
       "taken"},
      {R"({"source": "s", "parameters": [{"name": "a", "type": "u32"},
          {"name": "b", "type": "u32", "offset": 2}], "block_us": 1})",
       "overlaps"},
      {R"({"source": "s", "parameters": [],
          "block_us": {"terms": [{"factor": 1, "quantities": ["n"]}]}})",
       "no parameter \"n\""},
      {R"({"source": "s", "parameters": [{"name": "p", "type": "pointer"}],
          "block_us": {"terms": [{"factor": 1, "quantities": ["p"]}]}})",
       "pointer"},
      {R"({"source": "s", "parameters": [], "block_us": 1,
          "effect": {"name": "lcg_step", "arguments": {"state": "x"}}})",
       "state"},
  };
  for (const BadFile& file : files) {
    const std::string text = std::string(R"({"schema": 1, "kernels": {"k": )") + file.entry + "}}";
    CostTable costs;
    const Status added = costs.add(*parse_json(text, "test"), "costs.json");
    ASSERT_FALSE(added) << file.entry;
    EXPECT_THAT(added.error().text(), HasSubstr("costs.json: kernel \"k\"")) << file.entry;
    EXPECT_THAT(added.error().text(), HasSubstr(file.message)) << file.entry;
  }
}

}  // namespace
}  // namespace corun::simgpu
