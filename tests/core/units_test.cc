#include "core/units.h"

#include <gtest/gtest.h>

namespace corun {
namespace {

struct BytesCase {
  const char* text;
  uint64_t bytes;
};

TEST(Units, SizesAreReadWithTheirUnit) {
  for (const BytesCase& c : {BytesCase{"4096", 4096}, BytesCase{"20GiB", 20 * kGiB},
                             BytesCase{"512MiB", 512 * kMiB}, BytesCase{"1.5GB", 1'500'000'000},
                             BytesCase{"2 KiB", 2048}, BytesCase{"0", 0}, BytesCase{"7B", 7}}) {
    auto parsed = parse_bytes(c.text);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(*parsed, c.bytes) << c.text;
  }
}

TEST(Units, WhatIsNotASizeIsAUsageError) {
  for (const char* text : {"", "GiB", "-1", "1e9", "20gib", "20GiBs", "nan", "99999999TiB"}) {
    auto parsed = parse_bytes(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kUsage);
  }
  EXPECT_EQ(parse_bytes("20gib").error().text(),
            "'20gib' is not a size; write it like 20GiB or 512MiB");
}

struct DurationCase {
  const char* text;
  int64_t ns;
};

TEST(Units, DurationsAreReadWithTheirUnit) {
  for (const DurationCase& c :
       {DurationCase{"30s", 30'000'000'000}, DurationCase{"500ms", 500'000'000},
        DurationCase{"250us", 250'000}, DurationCase{"2m", 120'000'000'000},
        DurationCase{"1h", 3'600'000'000'000}, DurationCase{"1.5s", 1'500'000'000}}) {
    auto parsed = parse_duration(c.text);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(parsed->count(), c.ns) << c.text;
  }
}

TEST(Units, ADurationWithoutUnitIsAUsageError) {
  EXPECT_EQ(parse_duration("30").error().text(),
            "'30' is not a duration; write it with its unit, like 30s, 500ms or 2m");
  EXPECT_FALSE(parse_duration("-1s"));
  EXPECT_FALSE(parse_duration("10 days"));
}

TEST(Units, SizesPrintWithThreeDigits) {
  EXPECT_EQ(format_bytes(12), "12 B");
  EXPECT_EQ(format_bytes(512 * kMiB), "512 MiB");
  EXPECT_EQ(format_bytes(20'000'000'000), "18.6 GiB");
  EXPECT_EQ(format_bytes(kGiB + kGiB / 4), "1.25 GiB");
  EXPECT_EQ(format_bytes(kMiB - 1), "1 MiB");
}

TEST(Units, DurationsPrintWithThreeDigits) {
  EXPECT_EQ(format_duration(Nanos(1'250'000'000)), "1.25 s");
  EXPECT_EQ(format_duration(Nanos(38'200'000)), "38.2 ms");
  EXPECT_EQ(format_duration(Nanos(12'000)), "12 us");
  EXPECT_EQ(format_duration(Nanos(0)), "0 ns");
  EXPECT_EQ(format_duration(Nanos(-1'500)), "-1.5 us");
  EXPECT_EQ(format_duration(Nanos(90'000'000'000)), "90 s");
}

}  // namespace
}  // namespace corun
