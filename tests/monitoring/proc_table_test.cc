#include "monitoring/proc_table.h"

#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <map>
#include <set>

#include "core/files.h"

namespace corun::monitoring {
namespace {

const std::string kKept(64, 'a');

/// A folder that looks like /proc.
class FakeProc {
 public:
  FakeProc() : folder_(TemporaryFolder::create("corun-proc-").value()) {}
  void add(int pid, int parent, const std::string& command, const std::string& cgroup = "0::/\n",
           uint64_t start_ticks = 7) {
    const auto folder = folder_.path() / std::to_string(pid);
    std::filesystem::create_directories(folder);
    std::string stat = std::to_string(pid) + " (name) S " + std::to_string(parent);
    for (int field = 5; field < 22; ++field) stat += " 7";
    std::ofstream(folder / "stat") << stat << ' ' << start_ticks;
    std::ofstream(folder / "cmdline") << command;
    std::ofstream(folder / "cgroup") << cgroup;
    std::ofstream(folder / "status") << "Name:\tname\nUid:\t0\t0\t0\t0\n";
  }
  void remove(int pid) { std::filesystem::remove_all(folder_.path() / std::to_string(pid)); }
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

TEST(ProcTable, APidOfAnotherProcessIsToldAnew) {
  FakeProc proc;
  proc.add(10, 1, "python3", "0::/\n", 7);
  ProcTable table = proc.table();
  ASSERT_NE(table.find(10), nullptr);
  proc.add(10, 1, "sleep", "0::/\n", 8);
  const auto before = table.known();
  EXPECT_EQ(before->at(10).command, "python3");  // until somebody looks
  ASSERT_NE(table.find(10), nullptr);
  EXPECT_EQ(table.known()->at(10).command, "sleep");
  EXPECT_EQ(before->at(10).command, "python3");  // what was told stays
}

TEST(ProcTable, AProcessThatEndedIsToldUntilItIsForgotten) {
  FakeProc proc;
  proc.add(10, 1, "python3");
  ProcTable table = proc.table();
  ASSERT_NE(table.find(10), nullptr);
  proc.remove(10);
  ASSERT_NE(table.find(10), nullptr);
  EXPECT_EQ(table.find(10)->command, "python3");
  table.keep_only({});
  EXPECT_EQ(table.find(10), nullptr);
}

TEST(ProcTable, WhatIsKnownIsOneObjectUntilItChanges) {
  FakeProc proc;
  proc.add(10, 1, "python3");
  proc.add(11, 1, "python3");
  ProcTable table = proc.table();
  EXPECT_TRUE(table.known()->empty());
  table.find(10);
  const auto one = table.known();
  EXPECT_EQ(one->size(), 1U);
  table.find(10);
  table.find(12);  // there is none
  table.keep_only({10, 11});
  EXPECT_EQ(table.known(), one);
  table.find(11);
  EXPECT_EQ(table.known()->size(), 2U);
  table.keep_only({11});
  EXPECT_EQ(table.known()->size(), 1U);
  EXPECT_TRUE(table.known()->contains(11));
  EXPECT_EQ(one->count(10), 1U);
}

/// Processes of a node that starts and ends many, each in a container of its own.
class Churn {
 public:
  static std::string container_of(uint64_t number) {
    std::string id = std::to_string(number);
    return std::string(64 - id.size(), 'c') + id;
  }
  /// The next process, with the lowest free PID: PIDs come back at once.
  void start() {
    int pid = 100;
    while (alive_.contains(pid)) ++pid;
    proc_.add(pid, 1, "python3", "0::/docker/" + container_of(started_) + "\n", 1000 + started_);
    alive_[pid] = started_;
    order_.push_back(pid);
    ++started_;
  }
  void end_oldest() {
    proc_.remove(order_.front());
    alive_.erase(order_.front());
    order_.pop_front();
  }
  const std::map<int, uint64_t>& alive() const { return alive_; }  ///< by PID, its number
  uint64_t started() const { return started_; }
  FakeProc& proc() { return proc_; }

 private:
  FakeProc proc_;
  std::map<int, uint64_t> alive_;
  std::deque<int> order_;
  uint64_t started_ = 0;
};

TEST(ProcTable, TenThousandStartsAMinuteAreEachAttributedToTheirContainer) {
  constexpr size_t kStartsPerSample = 10'000 / 60;  // the driver's list is read once a second
  Churn churn;
  ProcTable table = churn.proc().table();
  std::set<uint64_t> seen;
  for (int sample = 0; sample < 8; ++sample) {
    std::set<int> pids;
    for (const auto& [pid, number] : churn.alive()) {
      pids.insert(pid);
      const ProcessFacts* facts = table.find(pid);
      ASSERT_NE(facts, nullptr);
      ASSERT_TRUE(facts->container.has_value());
      EXPECT_EQ(facts->container->id, Churn::container_of(number)) << "PID " << pid;
      seen.insert(number);
    }
    table.keep_only(pids);
    // Each lives for two samples; as it ends its PID goes to the next one, before the next sample.
    for (size_t i = 0; i < kStartsPerSample; ++i) {
      if (churn.alive().size() == 2 * kStartsPerSample) churn.end_oldest();
      churn.start();
    }
  }
  EXPECT_EQ(seen.size(), churn.started() - kStartsPerSample);  // the last have not been looked at
}

}  // namespace
}  // namespace corun::monitoring
