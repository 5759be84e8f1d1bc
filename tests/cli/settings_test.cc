// The values of settings as they are typed, sent and shown; and what `corun set` refuses.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/settings_table.h"
#include "core/files.h"
#include "golden.h"

namespace corun::cli {
namespace {

constexpr Setting kWord{"--w", "w", SettingKind::kWord, "", ""};
constexpr Setting kCount{"--n", "n", SettingKind::kCount, "", ""};
constexpr Setting kCountOrAuto{"--n", "n", SettingKind::kCount, "", "", "auto"};
constexpr Setting kMillis{"--ms", "ms", SettingKind::kMillis, "", ""};
constexpr Setting kSeconds{"--s", "s", SettingKind::kSeconds, "", ""};
constexpr Setting kBytes{"--bytes", "bytes", SettingKind::kBytes, "", ""};
constexpr Setting kYesNo{"--flag", "flag", SettingKind::kYesNo, "", ""};

TEST(Settings, AValueGoesOutAsJsonAndComesBackAsItWasTyped) {
  const struct {
    Setting setting;
    const char* typed;
    Json json;
    const char* shown;
  } cases[] = {
      {kWord, "fair", "fair", "fair"},      {kCount, "50", 50, "50"},
      {kCount, "100000", 100000, "100000"}, {kCountOrAuto, "auto", "auto", "auto"},
      {kCountOrAuto, "7", 7, "7"},          {kMillis, "40ms", 40.0, "40ms"},
      {kMillis, "1500us", 1.5, "1500us"},   {kMillis, "2m", 120000.0, "2m"},
      {kSeconds, "90s", 90.0, "90s"},       {kBytes, "2GiB", uint64_t{2} << 30, "2 GiB"},
      {kYesNo, "yes", true, "yes"},         {kYesNo, "no", false, "no"},
  };
  for (const auto& c : cases) {
    const auto value = setting_value(c.setting, c.typed);
    ASSERT_TRUE(value) << c.typed << ": " << value.error().text();
    EXPECT_EQ(*value, c.json) << c.typed;
    EXPECT_EQ(setting_text(c.setting, {{c.setting.key, *value}}), c.shown);
  }
}

TEST(Settings, WhatCannotBeAValueIsRefusedByItsOption) {
  const struct {
    Setting setting;
    const char* typed;
    const char* error;
  } cases[] = {
      {kCount, "many", "--n 'many' is not a whole number"},
      {kCount, "-1", "--n '-1' is not a whole number"},
      {kCount, "auto", "--n 'auto' is not a whole number"},
      {kYesNo, "maybe", "--flag 'maybe'; use yes or no"},
  };
  for (const auto& c : cases) {
    const auto value = setting_value(c.setting, c.typed);
    ASSERT_FALSE(value) << c.typed;
    EXPECT_EQ(value.error().text(), c.error);
  }
  EXPECT_EQ(setting_value(kMillis, "40").error().what.rfind("--ms: ", 0), 0U);
}

TEST(Settings, WhatAnOlderDaemonDoesNotTellIsADash) {
  EXPECT_EQ(setting_text(kCount, Json::object()), "-");
  EXPECT_EQ(setting_text(kCount, {{"n", nullptr}}), "-");
}

TEST(Settings, EachIsDescribedForUsers) {
  const auto page = read_file(std::filesystem::path(CORUN_SOURCE_DIR) / "docs/verbs/settings.md");
  const auto api = read_file(std::filesystem::path(CORUN_SOURCE_DIR) / "docs/control-api.md");
  ASSERT_TRUE(page);
  ASSERT_TRUE(api);
  for (const Setting& setting : kSettings) {
    EXPECT_NE(page->find("`" + std::string(setting.option) + " "), std::string::npos)
        << setting.option;
    EXPECT_NE(api->find("`" + std::string(setting.key) + "`"), std::string::npos) << setting.key;
  }
}

TEST(Set, WhatIsWrongIsSaidInOneLine) {
  const struct {
    const char* arguments;
    const char* error;
  } cases[] = {
      {"set", "which workload?; write 'corun set NAME ...'"},
      {"set a", "nothing to change; give --weight, --class, ...; see --help"},
      {"set a --weight 0", "--weight 0 is out of range; use 0.001 to 1000"},
      {"set a --min-share 2", "--min-share 2 is out of range; use 0 to 1"},
      {"set a --max-share 0", "--max-share 0 is out of range; use 0.001 to 1"},
      {"set a --min-share 0.5 --max-share 0.2", "--min-share 0.5 is above --max-share 0.2"},
      {"set a --memory 10", "--memory 10 is below 1MiB"},
      {"set a --wieght 2", "unknown option '--wieght'; did you mean '--weight'?"},
  };
  for (const auto& c : cases) {
    const Ran ran = run(c.arguments);
    EXPECT_EQ(ran.code, 2) << c.arguments;
    EXPECT_EQ(ran.err, "corun: error: " + std::string(c.error) + "\n");
  }
}

}  // namespace
}  // namespace corun::cli
