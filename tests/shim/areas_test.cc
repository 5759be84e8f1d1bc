// Which areas of memory are new: what is touched while a process is parked.
#include "engine/shim/areas.h"

#include <gtest/gtest.h>

#include <fstream>
#include <ostream>
#include <string>
#include <vector>

namespace corun::shim {

void PrintTo(const Area& area, std::ostream* out) { *out << area.begin << '-' << area.end; }

namespace {

TEST(AreaTest, OnlyPrivateWritableMemoryWithoutAFileCounts) {
  Area area;
  EXPECT_TRUE(parse_area("1000-3000 rw-p 00000000 00:00 0", &area));
  EXPECT_EQ(area, (Area{0x1000, 0x3000}));
  EXPECT_TRUE(parse_area("7eff04e9b000-7f0126000000 rw-p 00000000 00:00 0 ", &area));
  EXPECT_EQ(area.bytes(), 0x7f0126000000U - 0x7eff04e9b000U);
  for (const char* other : {
           "1000-3000 rw-s 00000000 00:00 0",
           "1000-3000 r--p 00000000 00:00 0",
           "1000-3000 ---p 00000000 00:00 0",
           "1000-3000 rw-p 00002000 08:01 12345                      /usr/lib/libc.so.6",
           "1000-3000 rw-p 00000000 00:05 77                         /dev/nvidiactl",
           "1000-3000 rw-p 00000000 00:00 01",
           "1000-3000 rw-p 00000000 00:00 0                          [heap]",
           "1000-3000 rw-p 00000000 00:00 0                          [stack]",
           "3000-1000 rw-p 00000000 00:00 0",
           "1000-x rw-p 00000000 00:00 0",
           "1000 rw-p 00000000 00:00 0",
           "-3000 rw-p 00000000 00:00 0",
           "10000000000000000-20000000000000000 rw-p 00000000 00:00 0",
           "",
       }) {
    EXPECT_FALSE(parse_area(other, &area)) << other;
  }
}

struct PartCase {
  const char* what;
  std::vector<Area> known;
  Area area;
  Area left;
};

void PrintTo(const PartCase& one, std::ostream* out) { *out << one.what; }

class UnknownPartTest : public ::testing::TestWithParam<PartCase> {};

TEST_P(UnknownPartTest, IsTheFirstThatNobodyKnew) {
  AreaList list;
  for (const Area& area : GetParam().known) ASSERT_TRUE(list.add(area));
  const Area left = list.unknown_part(GetParam().area);
  if (GetParam().left.bytes() == 0) {
    EXPECT_EQ(left.begin, left.end);
  } else {
    EXPECT_EQ(left, GetParam().left);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Areas, UnknownPartTest,
    ::testing::Values(PartCase{"nothing is known", {}, {10, 20}, {10, 20}},
                      PartCase{"it is known", {{10, 20}}, {10, 20}, {}},
                      PartCase{"a part of a known one", {{0, 100}}, {10, 20}, {}},
                      PartCase{"it grew upwards", {{10, 20}}, {10, 50}, {20, 50}},
                      PartCase{"it grew downwards", {{40, 50}}, {10, 50}, {10, 40}},
                      PartCase{"known ones at both ends", {{30, 50}, {0, 20}}, {10, 50}, {20, 30}},
                      PartCase{"known in parts", {{20, 50}, {10, 20}}, {10, 50}, {}},
                      PartCase{"two gaps: the first", {{20, 30}, {40, 50}}, {10, 50}, {10, 20}},
                      PartCase{"known beside it", {{0, 10}, {20, 30}}, {10, 20}, {10, 20}}));

TEST(AreaListTest, IsFullAtSomeTime) {
  AreaList list;
  for (uint64_t i = 0; i < AreaList::kMost; ++i) ASSERT_TRUE(list.add({2 * i, 2 * i + 1}));
  EXPECT_FALSE(list.add({5000, 5001}));
  EXPECT_EQ(list.count(), AreaList::kMost);
}

TEST(AreaReaderTest, ReadsFilesLongerThanItsMemory) {
  const std::string path = ::testing::TempDir() + "corun-areas";
  std::ofstream file(path);
  constexpr uint64_t kCount = 2000;
  for (uint64_t i = 0; i < kCount; ++i) {
    file << std::hex << i * 0x100000 << '-' << i * 0x100000 + (i % 2 == 0 ? 0x1000 : 0x80000)
         << " rw-p 00000000 00:00 0 \n"
         << "ff000000-ff001000 r--p 00000000 08:01 1234      /some/file/with/a/name\n";
  }
  file << "fff00000-fffff000 rw-p 00000000 00:00 0";  // no end of the line: not read
  file.close();
  AreaReader reader(path.c_str());
  Area area;
  uint64_t found = 0;
  while (reader.next(0x80000, &area)) {
    EXPECT_EQ(area.begin, (2 * found + 1) * 0x100000);
    ++found;
  }
  EXPECT_EQ(found, kCount / 2);
}

TEST(AreaReaderTest, AFileThatIsNotThereHasNone) {
  AreaReader reader("/nonexistent/maps");
  Area area;
  EXPECT_FALSE(reader.next(0, &area));
}

}  // namespace
}  // namespace corun::shim
