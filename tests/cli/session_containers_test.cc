#include "cli/session_containers.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "core/fd.h"
#include "core/files.h"
#include "engine/client/run_dir.h"

namespace corun::cli {
namespace {

const std::string kId(64, 'a');

/// A folder like /proc with a corund, 10, and a process in a container, 11.
class FakeProc {
 public:
  FakeProc() : folder_(TemporaryFolder::create("corun-proc-").value()) {
    add(10, "comm", "corund\n");
    add(11, "cgroup", "0::/machine.slice/libpod-" + kId + ".scope\n");
    add(12, "cgroup", "0::/user.slice\n");
  }
  std::filesystem::path path() const { return folder_.path(); }

 private:
  void add(int pid, const char* file, const std::string& text) {
    const auto folder = folder_.path() / std::to_string(pid);
    std::filesystem::create_directories(folder);
    EXPECT_TRUE(write_file_atomically(folder / file, text));
  }
  TemporaryFolder folder_;
};

client::DaemonStatus daemon_with_sessions(int daemon_pid, const std::vector<int>& pids) {
  client::DaemonStatus status;
  status.pid = daemon_pid;
  client::WorkloadStatus workload;
  for (const int pid : pids) {
    client::SessionStatus session;
    session.pid = pid;
    workload.sessions.push_back(session);
  }
  status.workloads = {workload};
  return status;
}

TEST(SessionContainers, SessionsAreFoundInTheirContainers) {
  const FakeProc proc;
  const std::vector<client::DaemonStatus> daemons{daemon_with_sessions(10, {11, 12, 0, 99})};
  const auto found = find_session_containers(daemons, proc.path());
  ASSERT_EQ(found.size(), 1U);
  ASSERT_EQ(found[0].size(), 1U);
  EXPECT_EQ(found[0].at(11).id, kId);
  EXPECT_EQ(found[0].at(11).runtime, "podman");
}

TEST(SessionContainers, PidsOfAnotherNamespaceTellNothing) {
  const FakeProc proc;
  const std::vector<client::DaemonStatus> daemons{daemon_with_sessions(1, {11}),
                                                  daemon_with_sessions(11, {11})};
  for (const auto& found : find_session_containers(daemons, proc.path())) {
    EXPECT_TRUE(found.empty());
  }
}

TEST(SessionContainers, JsonHasAContainerForEachSession) {
  const FakeProc proc;
  const std::vector<client::DaemonStatus> daemons{daemon_with_sessions(10, {11, 12})};
  auto found = find_session_containers(daemons, proc.path());
  found[0].at(11).name = "box";
  found[0].at(11).pod = containers::Pod{"u", "p", "n"};
  const Json sessions = status_json(daemons[0], found[0])["workloads"][0]["sessions"];
  const Json expected = {
      {"id", kId},       {"short_id", kId.substr(0, 12)},
      {"name", "box"},   {"runtime", "podman"},
      {"image", Json()}, {"pod", {{"uid", "u"}, {"name", "p"}, {"namespace", "n"}}}};
  EXPECT_EQ(sessions[0]["container"], expected);
  EXPECT_TRUE(sessions[1].contains("container"));
  EXPECT_TRUE(sessions[1]["container"].is_null());
}

TEST(SessionContainers, AnEngineThatIsSilentLeavesTheNameOut) {
  const TemporaryFolder folder = TemporaryFolder::create("corun-engine-").value();
  const std::vector<std::filesystem::path> engines{folder.path() / "engine.sock"};
  const Fd silent = client::listen_unix(engines[0], SOCK_STREAM, 0600).value();
  SessionContainers some;
  some[11].id = kId;
  std::vector<SessionContainers> all{some};
  name_session_containers(all, engines, std::chrono::milliseconds(20));
  EXPECT_EQ(all[0], some);
}

}  // namespace
}  // namespace corun::cli
