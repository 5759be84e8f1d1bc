#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "simgpu/engine/profile.h"
#include "tests/simgpu/engine_bench.h"

namespace corun::simgpu {
namespace {

using testing::HasSubstr;

Json h100_json() { return *read_json_file(CORUN_SOURCE_DIR "/simgpu/profiles/h100.json"); }

TEST(Profiles, EveryProfileOfTheTreeIsRead) {
  for (const auto& file :
       std::filesystem::directory_iterator(CORUN_SOURCE_DIR "/simgpu/profiles")) {
    const auto profile = read_profile(file.path());
    ASSERT_TRUE(profile) << profile.error().text();
    EXPECT_EQ(profile->name, file.path().stem());
  }
}

TEST(Profiles, TimesAreMicrosecondsInTheFile) {
  EXPECT_EQ(h100().timeslice, from_micros(2000));
  EXPECT_EQ(h100().kernel_gap, Nanos(400));
}

void expect_error(const Json& json, const char* message) {
  const auto profile = profile_from_json(json, "p.json");
  ASSERT_FALSE(profile) << message;
  EXPECT_EQ(profile.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(profile.error().text(), HasSubstr("p.json"));
  EXPECT_THAT(profile.error().text(), HasSubstr(message));
}

TEST(Profiles, WhatIsWrongIsSaidByKey) {
  Json json = h100_json();
  json["parameters"].erase("sm_count");
  expect_error(json, "\"sm_count\": is missing");
  json = h100_json();
  json["parameters"]["sm_counts"] = json["parameters"]["sm_count"];
  expect_error(json, "\"sm_counts\": is not known");
  json = h100_json();
  json["parameters"]["sm_count"]["value"] = 131.5;
  expect_error(json, "131.5 is not a whole number");
  json = h100_json();
  json["parameters"]["timeslice_us"]["value"] = 0;
  expect_error(json, "\"timeslice_us\": 0 is not between");
  json = h100_json();
  json["parameters"]["timeslice_us"]["value"] = "2 ms";
  expect_error(json, "timeslice_us");
  json = h100_json();
  json["parameters"]["timeslice_us"].erase("source");
  expect_error(json, "source");
  json = h100_json();
  json["schema"] = 2;
  expect_error(json, "schema");
  expect_error(Json::array(), "not a JSON object");
}

}  // namespace
}  // namespace corun::simgpu
