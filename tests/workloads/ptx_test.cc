// The committed PTX fits its source, the program and the simulated GPU's cost file.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "core/files.h"
#include "core/json.h"
#include "workloads/synthetic/kernels.h"

namespace corun::synthetic {
namespace {

const std::string kFolder = CORUN_SOURCE_DIR "/workloads/synthetic/kernels/";

/// Parameter types of each kernel, as the PTX declares them: {"corun_step", {".u64", ".u32", ...}}.
std::map<std::string, std::vector<std::string>> kernels_in(const std::string& ptx) {
  std::map<std::string, std::vector<std::string>> kernels;
  static const std::regex entry(R"(\.visible \.entry (\w+)\(([^)]*)\))");
  static const std::regex parameter(R"(\.param (\.\w+))");
  for (std::sregex_iterator at(ptx.begin(), ptx.end(), entry), end; at != end; ++at) {
    const std::string list = (*at)[2];
    auto& types = kernels[(*at)[1]];
    for (std::sregex_iterator p(list.begin(), list.end(), parameter); p != end; ++p) {
      types.push_back((*p)[1]);
    }
  }
  return kernels;
}

TEST(Ptx, TheProgramHoldsTheCommittedFile) {
  EXPECT_EQ(read_file(kFolder + "synthetic.ptx").value(), kPtx);
}

TEST(Ptx, LoadsOnDriversFromR520AndComputeCapability70) {
  const std::string ptx = kPtx;
  EXPECT_NE(ptx.find(".version 7.0\n"), std::string::npos);
  EXPECT_NE(ptx.find(".target sm_70\n"), std::string::npos);
}

TEST(Ptx, TheCostFileHasEveryKernelWithItsParameters) {
  const Json costs = read_json_file(kFolder + "costs.json").value()["kernels"];
  const auto kernels = kernels_in(kPtx);
  ASSERT_FALSE(kernels.empty());
  EXPECT_EQ(costs.size(), kernels.size());
  for (const auto& [name, types] : kernels) {
    ASSERT_TRUE(costs.contains(name)) << name;
    std::vector<std::string> priced;
    for (const Json& parameter : costs[name]["parameters"]) {
      priced.push_back(parameter["type"] == "pointer" ? ".u64" : ".u32");
    }
    EXPECT_EQ(priced, types) << name;
    EXPECT_EQ(costs[name]["effect"]["name"], "lcg_step") << name;
  }
}

/// A kernel of one launch of eight blocks an SM and what it took, from results/h200/first-readings.
struct Reading {
  const char* kernel;
  double amount;  ///< iterations, times elements where the kernel has a `count`
  double us;      ///< from the begin of one to the begin of the next
};

TEST(Ptx, TheCostsAreThoseThatWereMeasured) {
  constexpr double kGapUs = 0.4;  // between kernels, of the GPU's profile
  constexpr double kL2Elements = 45 * 1048576.0 / 16;
  const Json costs = read_json_file(kFolder + "costs.json").value()["kernels"];
  for (const Reading& reading :
       {Reading{"corun_burn", 3571, 4e6 / 4006.73}, Reading{"corun_burn", 1781, 1e6 / 2000.09},
        Reading{"corun_tensor", 572, 1e6 / 2044.86},
        Reading{"corun_l2_read", 90 * kL2Elements, 1e6 / 1999.23}}) {
    const Json& cost = costs[reading.kernel]["block_us"];
    const double factor = cost["terms"][0]["factor"].get<double>();
    const double us = cost["base"].get<double>() + factor * reading.amount + kGapUs;
    EXPECT_NEAR(us, reading.us, 0.005 * reading.us) << reading.kernel << " " << reading.amount;
  }
}

}  // namespace
}  // namespace corun::synthetic
