#include "core/row_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/files.h"
#include "core/process.h"
#include "core/row_writer.h"
#include "process_helpers.h"

namespace corun {
namespace {

constexpr char kNote[] = "{\"type\":\"note\",\"text\":\"x\"}\n";

TEST(RowBuffer, LinesMayComeInAnyPieces) {
  const std::string stream = std::string(kNote) + "\n  \r\n" + kNote + kNote;
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    RowBuffer buffer({}, Instant{});
    size_t messages = 0;
    for (size_t at = 0; at < stream.size(); at += piece) {
      const auto got = buffer.add(std::string_view(stream).substr(at, piece), Instant{});
      ASSERT_TRUE(got);
      messages += got->size();
    }
    EXPECT_EQ(messages, 3U) << "in pieces of " << piece;
    EXPECT_TRUE(buffer.finish());
  }
}

TEST(RowBuffer, AnOverlongLineFailsWithItsBeginning) {
  RowBuffer buffer({}, Instant{});
  ASSERT_TRUE(buffer.add(std::string(kMaxRowLine, 'a'), Instant{}));
  const auto got = buffer.add("a", Instant{});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().what,
            "a row is longer than 1048576 bytes: " + std::string(40, 'a') + "...");
}

TEST(RowBuffer, AFailureIsForGood) {
  RowBuffer buffer({}, Instant{});
  ASSERT_FALSE(buffer.add("garbage\n", Instant{}));
  const auto got = buffer.add(kNote, Instant{});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().what, "not a JSON object: garbage");
}

TEST(RowBuffer, ACutOffLastLineIsAnError) {
  RowBuffer buffer({}, Instant{});
  ASSERT_TRUE(buffer.add("{\"type\":\"no", Instant{}));
  const auto end = buffer.finish();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().what, "the last row is cut off: {\"type\":\"no");
}

TEST(RowBuffer, OnlyAFloodExceedsTheRate) {
  const RowLimits limits{.bytes_per_second = 1000, .burst_bytes = 2000, .total_bytes = 1 << 20};
  const std::string second = std::string(900, ' ') + "\n";
  RowBuffer steady(limits, Instant{});
  for (int i = 1; i <= 100; ++i) {
    ASSERT_TRUE(steady.add(second, Instant{} + std::chrono::seconds(i)));
  }
  RowBuffer flood(limits, Instant{});
  ASSERT_TRUE(flood.add(second, Instant{}));
  ASSERT_TRUE(flood.add(second, Instant{}));
  const auto got = flood.add(second, Instant{});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().what, "floods its row channel (above 1000 bytes/s)");
}

TEST(RowBuffer, ShortLinesCountToo) {
  const RowLimits limits{.lines_per_second = 10, .burst_lines = 10};
  RowBuffer buffer(limits, Instant{});
  ASSERT_TRUE(buffer.add(std::string(10, '\n'), Instant{}));
  ASSERT_TRUE(buffer.add(std::string(10, '\n'), Instant{} + std::chrono::seconds(1)));
  const auto got = buffer.add("\n", Instant{} + std::chrono::seconds(1));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().what, "floods its row channel (above 10 lines/s)");
}

TEST(RowBuffer, TheTotalIsBounded) {
  const RowLimits limits{.total_bytes = 1500};
  RowBuffer buffer(limits, Instant{});
  ASSERT_TRUE(buffer.add(std::string(1000, ' ') + "\n", Instant{}));
  const auto got = buffer.add(std::string(1000, ' ') + "\n", Instant{});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().what, "wrote more than 1500 bytes of rows");
}

class ChannelTest : public testing::Test {
 protected:
  RowChannel channel(const std::string& workload, RowLimits limits = {}) {
    auto made = RowChannel::create(folder_.path(), workload, monotonic_now(), limits);
    CORUN_CHECK(made.has_value(), made.error().text());
    return std::move(made).value();
  }
  static Process start(const RowChannel& channel, const std::string& script) {
    ProcessOptions options;
    options.argv = {"sh", "-c", script};
    options.set_env = channel.environment();
    auto process = Process::start(options);
    CORUN_CHECK(process.has_value(), process.error().text());
    return std::move(process).value();
  }
  /// Messages until `count` have come.
  static std::vector<Message> next(RowChannel& channel, size_t count) {
    std::vector<Message> messages;
    const Instant deadline = monotonic_now() + kPatience;
    while (messages.size() < count && monotonic_now() < deadline) {
      const int fd = channel.fd();
      wait_readable({&fd, 1}, deadline);
      auto got = channel.read(monotonic_now());
      if (!got) {
        ADD_FAILURE() << got.error().text();
        break;
      }
      messages.insert(messages.end(), got->begin(), got->end());
    }
    return messages;
  }

  TemporaryFolder folder_ = TemporaryFolder::create("corun-test-").value();
};

TEST_F(ChannelTest, AShellScriptSpeaksTheProtocol) {
  RowChannel rows = channel("a");
  Process process = start(rows,
                          "exec 3>\"$CORUN_ROWS\" 4<\"$CORUN_CONTROL\"\n"
                          "echo '{\"type\":\"initialised\"}' >&3\n"
                          "read line <&4; test \"$line\" = '{\"cmd\":\"stop\"}' || exit 9\n"
                          "echo '{\"type\":\"note\",\"text\":\"'$CORUN_WORKLOAD'\"}' >&3");
  EXPECT_EQ(next(rows, 1), (std::vector<Message>{InitialisedMessage{}}));
  ASSERT_TRUE(rows.send(StopCommand{}));
  EXPECT_EQ(process.wait(kPatience), (ExitStatus{0, {}}));
  const auto rest = rows.drain(monotonic_now());
  ASSERT_TRUE(rest);
  EXPECT_EQ(*rest, (std::vector<Message>{NoteMessage{"a"}}));
}

TEST_F(ChannelTest, ClosingTheControlEndIsEndOfFileForTheWorkload) {
  RowChannel rows = channel("a");
  Process process = start(rows,
                          "exec 4<\"$CORUN_CONTROL\"; echo '{\"type\":\"initialised\"}' >"
                          "\"$CORUN_ROWS\"; cat <&4; exit 6");
  next(rows, 1);
  rows.close_control();
  EXPECT_EQ(process.wait(kPatience), (ExitStatus{6, {}}));
}

TEST_F(ChannelTest, AFloodFailsItsOwnChannelOnly) {
  // Low enough for any machine to read faster.
  RowChannel flooded = channel("flood", {.lines_per_second = 100, .burst_lines = 200});
  RowChannel good = channel("good");
  Process flooder = start(flooded, "yes '{\"type\":\"note\",\"text\":\"x\"}' >\"$CORUN_ROWS\"");
  Result<std::vector<Message>> got = std::vector<Message>();
  const Instant now = monotonic_now();  // stands still, so that a slow machine sees a flood too
  const Instant deadline = now + kPatience;
  while (got && monotonic_now() < deadline) {
    const int fd = flooded.fd();
    wait_readable({&fd, 1}, deadline);
    got = flooded.read(now);
  }
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().what, "workload flood: floods its row channel (above 100 lines/s)");
  EXPECT_EQ(flooded.fd(), -1);
  Process writer = start(good, "echo '{\"type\":\"note\",\"text\":\"y\"}' >\"$CORUN_ROWS\"");
  EXPECT_EQ(next(good, 1), (std::vector<Message>{NoteMessage{"y"}}));
}

TEST_F(ChannelTest, GarbageNamesTheWorkloadAndTheText) {
  RowChannel rows = channel("a");
  Process process = start(rows, "echo 'Epoch 1' >\"$CORUN_ROWS\"");
  ASSERT_TRUE(process.wait(kPatience));
  const auto got = rows.drain(monotonic_now());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().what, "workload a: not a JSON object: Epoch 1");
}

TEST_F(ChannelTest, AWorkloadThatNeverReadsItsCommandsDoesNotBlock) {
  RowChannel rows = channel("a");
  Status sent;
  for (int i = 0; i < 100'000 && sent; ++i) sent = rows.send(WarmCommand{});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().what,
            "workload a does not read its commands: Resource temporarily unavailable");
}

TEST_F(ChannelTest, TheFifosArePrivateAndGoWithTheChannel) {
  const auto path = folder_.path() / "a.rows";
  {
    RowChannel first = channel("a");
    const RowChannel moved = std::move(first);
    struct stat info = {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_TRUE(S_ISFIFO(info.st_mode));
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "a.control"));
}

TEST_F(ChannelTest, AWriterAndAChannelUnderstandEachOther) {
  RowChannel rows = channel("a");
  auto env = rows.environment();
  auto writer = RowWriter::open(env.at("CORUN_ROWS"), env.at("CORUN_CONTROL"));
  ASSERT_TRUE(writer);
  const Message done = DoneMessage{1, 5, 2.5, 0, "ab", true, 7};
  ASSERT_TRUE(writer->write(done));
  EXPECT_EQ(next(rows, 1), std::vector<Message>{done});
  EXPECT_EQ(writer->next_command(Nanos(0)).value(), std::nullopt) << "nothing sent yet";
  const Command start = StartCommand{1, Instant{77}, 2, 9};
  ASSERT_TRUE(rows.send(start));
  ASSERT_TRUE(rows.send(StopCommand{}));
  EXPECT_EQ(writer->next_command(kPatience).value(), start);
  EXPECT_EQ(writer->next_command(kPatience).value(), Command(StopCommand{}));
  rows.close_control();
  EXPECT_EQ(writer->next_command(kPatience).value(), Command(StopCommand{})) << "end of file";
}

TEST_F(ChannelTest, ManyRequestsAreSplitIntoSeveralLines) {
  RowChannel rows = channel("a");
  auto env = rows.environment();
  auto writer = RowWriter::open(env.at("CORUN_ROWS"), env.at("CORUN_CONTROL"));
  ASSERT_TRUE(writer);
  const std::vector<double> times(20'000, 1.5);
  ASSERT_TRUE(writer->write(RequestsMessage{1, times, times, times}));
  size_t entries = 0;
  for (const Message& message : next(rows, 3)) {
    entries += std::get<RequestsMessage>(message).scheduled_us.size();
  }
  EXPECT_EQ(entries, times.size());
}

TEST(RowWriter, WithoutCorunItIsSilentAndToldToStop) {
  auto writer = RowWriter::open(std::nullopt, std::nullopt);
  ASSERT_TRUE(writer);
  EXPECT_FALSE(writer->speaking());
  EXPECT_TRUE(writer->write(InitialisedMessage{}));
  EXPECT_EQ(writer->next_command(kPatience).value(), Command(StopCommand{}));
}

TEST(RowWriter, ADescriptorNumberWorksToo) {
  int ends_of_pipe[2];
  ASSERT_EQ(pipe(ends_of_pipe), 0);
  Fd reader(ends_of_pipe[0]), end(ends_of_pipe[1]);
  auto writer = RowWriter::open(std::to_string(end.get()), std::nullopt);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->write(InitialisedMessage{}));
  EXPECT_EQ(read_line(reader.get()), R"({"type":"initialised"})");
}

TEST(RowWriter, AnEndThatCannotBeOpenedIsAnError) {
  const auto writer = RowWriter::open("/no/such/fifo", std::nullopt);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().text(),
            "cannot open CORUN_ROWS=/no/such/fifo: No such file or directory; unset it to run "
            "without corun");
}

}  // namespace
}  // namespace corun
