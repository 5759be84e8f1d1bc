#include "core/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <utility>

namespace corun {
namespace {

namespace fs = std::filesystem;

TEST(TemporaryFolderTest, GoesWithAllThatIsInItAndNothingElse) {
  auto outside = TemporaryFolder::create("corun-outside-");
  ASSERT_TRUE(outside);
  ASSERT_TRUE(write_file_atomically(outside->path() / "kept", "text"));
  fs::path path;
  {
    auto folder = TemporaryFolder::create("corun-files-");
    ASSERT_TRUE(folder);
    path = folder->path();
    fs::create_directories(path / "a" / "b" / "c");
    ASSERT_TRUE(write_file_atomically(path / "a" / "b" / "file", "text"));
    ASSERT_TRUE(write_file_atomically(path / ".hidden", "text"));
    fs::create_directory_symlink(outside->path(), path / "a" / "link");
    fs::create_symlink("nowhere", path / "dangling");
    ASSERT_EQ(mkfifo((path / "a" / "pipe").c_str(), 0600), 0);
    ASSERT_EQ(chmod((path / "a" / "b" / "file").c_str(), 0), 0);
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists(outside->path() / "kept")) << "a link is not followed";
}

TEST(TemporaryFolderTest, AMovedOneIsRemovedOnce) {
  auto folder = TemporaryFolder::create("corun-files-");
  ASSERT_TRUE(folder);
  const fs::path path = folder->path();
  {
    const TemporaryFolder owner = std::move(*folder);
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace corun
