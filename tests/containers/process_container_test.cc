#include "containers/process_container.h"

#include <gtest/gtest.h>

#include "core/files.h"

namespace corun::containers {
namespace {

const std::string kWanted(64, 'a');
const std::string kAnother(64, 'b');

/// A folder that looks like /proc.
class FakeProc {
 public:
  FakeProc() : folder_(TemporaryFolder::create("corun-proc-").value()) {}
  void add(const std::string& pid, const std::string& command) {
    const auto folder = folder_.path() / pid;
    std::filesystem::create_directories(folder);
    EXPECT_TRUE(write_file_atomically(folder / "cmdline", command));
  }
  std::filesystem::path path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

std::string conmon(const std::string& id) { return std::string("conmon\0-c\0", 10) + id + '\0'; }
std::string shim(const std::string& id) {
  return std::string("containerd-shim-runc-v2\0-namespace\0moby\0-id\0", 44) + id + '\0';
}

TEST(ProcessContainer, TheKeeperOfAContainerIsFound) {
  FakeProc proc;
  proc.add("7", "python3");
  proc.add("8", conmon(kAnother));
  EXPECT_EQ(keeper_of_container(proc.path(), kWanted), std::nullopt);
  proc.add("self", conmon(kWanted));  // no PID
  EXPECT_EQ(keeper_of_container(proc.path(), kWanted), std::nullopt);
  proc.add("9", shim(kWanted));
  EXPECT_EQ(keeper_of_container(proc.path(), kWanted), 9);
  EXPECT_EQ(keeper_of_container(proc.path(), kAnother), 8);
  EXPECT_TRUE(keeps_container(proc.path(), 9, kWanted));
  EXPECT_FALSE(keeps_container(proc.path(), 8, kWanted));
  EXPECT_FALSE(keeps_container(proc.path(), 99, kWanted));
}

}  // namespace
}  // namespace corun::containers
