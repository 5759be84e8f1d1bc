#include "monitoring/container_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "core/fd.h"
#include "core/files.h"
#include "core/wait.h"
#include "engine/client/run_dir.h"

namespace corun::monitoring {
namespace {

constexpr char kAnswer[] =
    "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
    R"([{"Id":"abc","Names":["/serve"],"Image":"registry/serve:1","Labels":null},
       {"Id":"def","Names":[],"Labels":{"io.kubernetes.pod.uid":"u","io.kubernetes.pod.name":"p",
        "io.kubernetes.pod.namespace":"n","io.kubernetes.container.name":"c"}},
       {"Names":["/no-id"]}, 7])";

/// A container engine that answers one question with `answer`, or never.
class FakeEngine {
 public:
  explicit FakeEngine(std::string answer)
      : folder_(TemporaryFolder::create("corun-engine-").value()),
        listener_(client::listen_unix(socket(), SOCK_STREAM, 0600).value()),
        thread_([this, answer = std::move(answer)] {
          const int fds[] = {listener_.get()};
          wait_readable(fds, monotonic_now() + std::chrono::seconds(20));
          peer_ = Fd(accept(listener_.get(), nullptr, nullptr));
          if (answer.empty()) return;
          // An answer before the question would make the asking fail.
          std::string question;
          while (question.find("\r\n\r\n") == std::string::npos) {
            char bytes[512];
            const ssize_t n = recv(peer_.get(), bytes, sizeof bytes, 0);
            if (n <= 0) return;
            question.append(bytes, static_cast<size_t>(n));
          }
          EXPECT_EQ(send(peer_.get(), answer.data(), answer.size(), MSG_NOSIGNAL),
                    static_cast<ssize_t>(answer.size()));
          peer_.reset();
        }) {}
  ~FakeEngine() { thread_.join(); }
  std::filesystem::path socket() const { return folder_.path() / "engine.sock"; }

 private:
  TemporaryFolder folder_;
  Fd listener_;
  Fd peer_;
  std::thread thread_;
};

constexpr Nanos kPatience = std::chrono::seconds(20);

ContainerNameMap ask(const std::vector<std::filesystem::path>& sockets,
                     const std::set<std::string>& ids, Nanos patience = kPatience) {
  return ask_engines(sockets, ids, patience);
}

TEST(ContainerNames, AnAnswerIsRead) {
  const FakeEngine engine(kAnswer);
  const auto found = ask({engine.socket()}, {"nobody's"});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at("abc"), (ContainerName{"serve", "registry/serve:1", std::nullopt}));
  EXPECT_EQ(found.at("def"), (ContainerName{"c", std::nullopt, Pod{"u", "p", "n"}}));
}

TEST(ContainerNames, AnEngineThatIsSilentIsGivenUp) {
  const FakeEngine engine("");
  EXPECT_TRUE(ask({engine.socket()}, {"abc"}, std::chrono::milliseconds(20)).empty());
}

TEST(ContainerNames, AnEngineThatIsSilentDelaysNoOther) {
  const FakeEngine silent(""), wrong("hello"), right(kAnswer);
  const Instant begin = monotonic_now();
  const auto found =
      ask({"/nowhere/engine.sock", silent.socket(), wrong.socket(), right.socket()}, {"abc"});
  EXPECT_EQ(found.at("abc").name, "serve");
  EXPECT_LT(monotonic_now() - begin, kPatience);
}

TEST(ContainerNames, AnEngineThatTakesNoConnectionsIsNotWaitedFor) {
  const TemporaryFolder folder = TemporaryFolder::create("corun-engine-").value();
  const auto path = folder.path() / "engine.sock";
  const Fd listener = client::listen_unix(path, SOCK_STREAM, 0600).value();
  ASSERT_EQ(listen(listener.get(), 0), 0);  // one may wait, and nobody is let in
  const Fd first = client::connect_unix(path, SOCK_STREAM).value();
  const Instant begin = monotonic_now();
  EXPECT_TRUE(ask({path}, {"abc"}).empty());
  EXPECT_LT(monotonic_now() - begin, std::chrono::seconds(1));  // connect_unix()'s own patience
}

TEST(ContainerNames, WrongAnswersAreErrors) {
  EXPECT_FALSE(http_body("HTTP/1.1 500 Oops\r\n\r\n[]"));
  EXPECT_FALSE(http_body("hello"));
  EXPECT_FALSE(http_body("HTTP/1.1"));
  EXPECT_FALSE(parse_containers("{}"));
  EXPECT_FALSE(parse_containers("[{"));
}

TEST(ContainerNames, UsersEnginesAreFoundByTheirSockets) {
  const TemporaryFolder folder = TemporaryFolder::create("corun-users-").value();
  const auto users = folder.path();
  for (const char* user : {"1000/podman", "1001", "1002/podman"}) {
    std::filesystem::create_directories(users / user);
  }
  const auto podman = users / "1000/podman/podman.sock";
  const Fd one = client::listen_unix(podman, SOCK_STREAM, 0600).value();
  const auto docker = users / "1001/docker.sock";
  const Fd two = client::listen_unix(docker, SOCK_STREAM, 0600).value();
  ASSERT_TRUE(write_file_atomically(users / "1002/podman/podman.sock", "no socket"));
  EXPECT_THAT(user_engine_sockets(users), testing::UnorderedElementsAre(podman, docker));
  EXPECT_TRUE(user_engine_sockets(users / "nothing").empty());
}

TEST(ContainerNames, AskingNeverWaits) {
  const FakeEngine engine(kAnswer);
  ContainerNames names({"/nowhere/engine.sock", engine.socket()});
  EXPECT_TRUE(names.find({"abc"}).empty());  // and asks in the background
  ContainerNameMap found;
  while (found.empty()) {
    found = names.find({"abc"});
    std::this_thread::yield();
  }
  EXPECT_EQ(found.at("abc").name, "serve");
}

}  // namespace
}  // namespace corun::monitoring
