// What goes wrong on the GPU itself: an illegal address, and more memory than a limit allows.
#include <gmock/gmock.h>

#include "tests/fault/fault_fixture.h"

namespace corun::fault {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMiB = uint64_t{1} << 20;

/// tests/fault/client/faulty_main.cc, until its input ends or the test is over.
class Faulty {
 public:
  Faulty(const std::vector<std::string>& arguments, std::map<std::string, std::string> environment,
         bool lives_on) {
    ProcessOptions options;
    options.argv = {CORUN_BINARY_DIR "/tests/faulty"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.set_env = std::move(environment);
    options.out = Stream::pipe();
    if (lives_on) options.argv = {"sh", "-c", "sleep 1000 | " + joined(options.argv)};
    process_ = Process::start(options).value();
  }
  /// The next line that it says; "" when none comes.
  std::string line() {
    const Instant give_up = monotonic_now() + kPatience;
    while (said_.find('\n') == std::string::npos && monotonic_now() < give_up) {
      const int fds[] = {process_->out_fd()};
      wait_readable(fds, give_up);
      char bytes[512];
      const ssize_t n = read(process_->out_fd(), bytes, sizeof bytes);
      if (n == 0) break;
      if (n > 0) said_.append(bytes, static_cast<size_t>(n));
    }
    const size_t end = said_.find('\n');
    std::string first = said_.substr(0, end);
    said_.erase(0, end == std::string::npos ? end : end + 1);
    return first;
  }
  ExitStatus wait() { return process_->wait(kPatience).value_or(ExitStatus{}); }

 private:
  static std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += word + " ";
    return all;
  }

  std::optional<Process> process_;
  std::string said_;
};

TEST_F(Fault, AnIllegalAddressOfABestEffortWorkloadEndsItsOwnContextOnly) {
  Tenant other = start("other", "normal", kTrain);
  other.warm();
  const Seen seen = during(other, 3, [this] {
    for (int i = 0; i < 3; ++i) {
      Faulty faulty({"fault"}, environment("faulty", "best-effort"), false);
      EXPECT_THAT(faulty.line(), HasSubstr("ILLEGAL_ADDRESS"));
      EXPECT_EQ(faulty.wait().code, 0);
    }
  });
  EXPECT_LE(seen.stall_s, kLongestStall_s);
  RecordProperty("stall_s", std::to_string(seen.stall_s));
}

TEST_F(Fault, AnIllegalAddressInsideABurstDoesNotKeepItsGateClosed) {
  Tenant train = start("train", "best-effort", kTrain);
  train.warm();
  std::optional<Faulty> faulty;
  const Seen seen = during(train, 3, [&] {
    faulty.emplace(std::vector<std::string>{"fault"}, environment("faulty", "latency-critical"),
                   true);
    EXPECT_THAT(faulty->line(), HasSubstr("ILLEGAL_ADDRESS"));
    // It lives on with a broken context, and its burst never drains.
    EXPECT_TRUE(have_joined({"faulty"}));
  });
  EXPECT_LE(seen.stall_s, kLongestStall_s);
  RecordProperty("stall_s", std::to_string(seen.stall_s));
  EXPECT_GT(rate(train), 0);
}

TEST_F(Fault, ALatencyCriticalWorkloadAnswersBesideOneThatFaults) {
  Tenant serve = start("serve", "latency-critical", kInfer);
  serve.warm();
  const Seen seen = during(serve, 2, [this] {
    Faulty faulty({"fault"}, environment("faulty", "best-effort"), false);
    EXPECT_THAT(faulty.line(), HasSubstr("ILLEGAL_ADDRESS"));
  });
  EXPECT_EQ(seen.done.unanswered, 0U);
  EXPECT_LE(seen.stall_s, kLongestStall_s);
}

TEST_F(Fault, NoAllocatorGoesBeyondTheLimit) {
  auto env = environment("greedy", "best-effort");
  env[wire::kEnvMemory] = std::to_string(1024 * kMiB);
  Faulty greedy({"allocate", "2048", "64"}, env, false);
  for (const char* allocator :
       {"cuMemAlloc", "cuMemAllocPitch", "cuMemAllocManaged", "cuMemAllocAsync",
        "cuMemAllocFromPoolAsync", "cuMemCreate", "cuArrayCreate", "cuArray3DCreate"}) {
    EXPECT_EQ(greedy.line(), std::string(allocator) + " 2 0");  // CUDA_ERROR_OUT_OF_MEMORY
  }
  EXPECT_EQ(greedy.wait().code, 0);
}

}  // namespace
}  // namespace corun::fault
