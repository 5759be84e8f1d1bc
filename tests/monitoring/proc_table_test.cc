#include "monitoring/proc_table.h"

#include <gtest/gtest.h>

#include "core/files.h"

namespace corun::monitoring {
namespace {

const std::string kKept(64, 'a');

/// A folder that looks like /proc.
class FakeProc {
 public:
  FakeProc() : folder_(TemporaryFolder::create("corun-proc-").value()) {}
  void add(int pid, int parent, const std::string& command, const std::string& cgroup = "0::/\n") {
    const auto folder = folder_.path() / std::to_string(pid);
    std::filesystem::create_directories(folder);
    std::string stat = std::to_string(pid) + " (name) S " + std::to_string(parent);
    for (int field = 5; field <= 22; ++field) stat += " 7";
    EXPECT_TRUE(write_file_atomically(folder / "stat", stat));
    EXPECT_TRUE(write_file_atomically(folder / "cmdline", command));
    EXPECT_TRUE(write_file_atomically(folder / "cgroup", cgroup));
    EXPECT_TRUE(write_file_atomically(folder / "status", "Name:\tname\nUid:\t0\t0\t0\t0\n"));
  }
  ProcTable table() const { return ProcTable(folder_.path(), true); }

 private:
  TemporaryFolder folder_;
};

std::string conmon(const std::string& id) { return std::string("conmon\0-c\0", 10) + id + '\0'; }

std::string container_id(ProcTable table, int pid) {
  const ProcessFacts* facts = table.find(pid);
  return facts != nullptr && facts->container ? facts->container->id : "";
}

TEST(ProcTable, AContainerWithoutACgroupIsToldByItsKeeper) {
  FakeProc proc;
  proc.add(10, 1, conmon(kKept));
  proc.add(11, 10, "python3");
  proc.add(12, 11, "python3");
  EXPECT_EQ(container_id(proc.table(), 11), kKept);
  EXPECT_EQ(container_id(proc.table(), 12), kKept);
  EXPECT_EQ(container_id(proc.table(), 10), "");  // the keeper itself is outside
}

TEST(ProcTable, TheCgroupCountsMoreThanTheKeeper) {
  const std::string inner(64, 'b');
  FakeProc proc;
  proc.add(10, 1, conmon(kKept));
  proc.add(11, 10, "python3", "0::/libpod_parent/libpod-" + inner + "\n");
  EXPECT_EQ(container_id(proc.table(), 11), inner);
}

TEST(ProcTable, AncestorsThatAreGoneOrGoRoundTellNothing) {
  FakeProc proc;
  proc.add(20, 19, "python3");
  proc.add(30, 31, "python3");
  proc.add(31, 30, "python3");
  EXPECT_EQ(container_id(proc.table(), 20), "");
  EXPECT_EQ(container_id(proc.table(), 30), "");
}

}  // namespace
}  // namespace corun::monitoring
