#include "simgpu/driver/ptx.h"

#include <gtest/gtest.h>

namespace corun::simgpu::driver {
namespace {

constexpr char kHead[] = ".version 7.0\n.target sm_70\n";

std::vector<std::pair<uint32_t, uint32_t>> layout(const std::string& parameters) {
  const auto module = parse_ptx(kHead + (".visible .entry k(" + parameters + ")\n{ ret; }\n"));
  std::vector<std::pair<uint32_t, uint32_t>> places;
  if (!module) return {{99999, 0}};
  for (const PtxParameter& p : module->entries.at("k")) places.emplace_back(p.offset, p.size);
  return places;
}

TEST(Ptx, ParametersStandAtTheirNaturalAlignment) {
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {{0, 4}, {8, 8}, {16, 1}, {20, 4}};
  EXPECT_EQ(layout(".param .u32 a, .param .u64 b, .param .u8 c, .param .f32 d"), expected);
}

TEST(Ptx, ArraysAndTheirAlignmentAreRead) {
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {{0, 4}, {16, 24}};
  EXPECT_EQ(layout(".param .u32 a, .param .align 16 .b8 b[24]"), expected);
}

TEST(Ptx, AnAlignmentOfThePointeeIsNotTheParametersOwn) {
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {{0, 4}, {8, 8}};
  EXPECT_EQ(layout(".param .u32 a, .param .u64 .ptr .global .align 128 b"), expected);
}

TEST(Ptx, EntriesWithoutParametersAndCommentsAreFine) {
  const auto module = parse_ptx(".version 7.8 // x\n/* .entry no() */ .target sm_90\n.entry f { }");
  ASSERT_TRUE(module);
  EXPECT_EQ(module->entries.size(), 1u);
  EXPECT_TRUE(module->entries.contains("f"));
}

TEST(Ptx, ErrorsNameTheLine) {
  const auto module = parse_ptx(std::string(kHead) + ".entry f(.param .u64 a");
  ASSERT_FALSE(module);
  EXPECT_NE(module.error().text().find("line 3"), std::string::npos);
  EXPECT_FALSE(parse_ptx(".target sm_70\n"));
  EXPECT_FALSE(parse_ptx("hello"));
}

}  // namespace
}  // namespace corun::simgpu::driver
