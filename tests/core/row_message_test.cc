#include "core/row_message.h"

#include <gtest/gtest.h>

namespace corun {
namespace {

TEST(RowMessage, EveryMessageReadsBackAsWritten) {
  const Message messages[] = {
      InitialisedMessage{},
      ReadyMessage{WorkloadKind::kInference, "requests/s", 812.5},
      ProgressMessage{1, {100000, 200000.5}, {81, 163}},
      RequestsMessage{2, {0, 10.25}, {1, 11}, {5, 20}},
      DoneMessage{1, 1632, 2000123, 0, {}, {}, {}},
      DoneMessage{1, 1632, 2000123, 3, "9f0c", true, 1234},
      NoteMessage{"line\nfeed \"quoted\" \xc3\xa9"},
      ErrorMessage{"out of memory"},
  };
  for (const Message& message : messages) {
    const std::string line = to_line(message);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto parsed = parse_message(line);
    ASSERT_TRUE(parsed) << line << ": " << parsed.error().text();
    EXPECT_EQ(*parsed, message) << line;
  }
}

TEST(RowMessage, EveryCommandReadsBackAsWritten) {
  const Command commands[] = {WarmCommand{10, 0.5},
                              StartCommand{3, Instant{123456789012345}, 2.5, ~uint64_t{0}},
                              StopCommand{}};
  for (const Command& command : commands) {
    const auto parsed = parse_command(to_line(command));
    ASSERT_TRUE(parsed) << to_line(command);
    EXPECT_EQ(*parsed, command) << to_line(command);
  }
}

TEST(RowMessage, LinesOfTheDocumentedProtocolAreUnderstood) {
  for (const char* line : {
           R"({"type":"initialised"})",
           R"({"type":"ready","kind":"inference","unit":"requests/s","rate":812.5})",
           R"({"type":"progress","window":1,"t_us":[100000,200000],"items":[81,163]})",
           R"({"type":"requests","window":1,"scheduled_us":[],"start_us":[],"end_us":[]})",
           R"({"type":"done","window":1,"items":5,"t_us":2,"unanswered":2,"checksum":null})",
           R"({"type":"note","text":"x","key of a later version":[1,{"a":2}]})",
       }) {
    const auto parsed = parse_message(line);
    EXPECT_TRUE(parsed) << line << ": " << parsed.error().text();
  }
}

TEST(RowMessage, BadLinesAreNamedWithTheirText) {
  const struct {
    const char* line;
    const char* error;
  } cases[] = {
      {"", "not a JSON object: "},
      {"Epoch 1: loss 0.3", "not a JSON object: Epoch 1: loss 0.3"},
      {"[1]", "not a JSON object: [1]"},
      {"{\"type\":\"note\"", "not a JSON object: {\"type\":\"note\""},
      {"\xff\x01", "not a JSON object: ??"},
      {"{}", "'type' is not a text: {}"},
      {R"({"type":7})", R"('type' is not a text: {"type":7})"},
      {R"({"type":"hello"})", R"(unknown type: {"type":"hello"})"},
      {R"({"type":"note"})", R"(note: 'text' is not a text: {"type":"note"})"},
      {R"({"type":"ready","kind":"x"})", R"(ready: unknown kind 'x': {"type":"ready","kind":"x"})"},
      {R"({"type":"done","window":-1})",
       R"(done: 'window' is not a whole number >= 0: {"type":"done","window":-1})"},
      {R"({"type":"done","window":1e99})",
       R"(done: 'window' is not a whole number >= 0: {"type":"done","window":1e99})"},
      {R"({"type":"progress","window":1,"t_us":[1],"items":[1.5]})",
       R"(progress: 'items' is not a list of whole numbers >= 0: )"
       R"({"type":"progress","window":1,"t_us":[1],"items":[1.5]})"},
      {R"({"type":"progress","window":1,"t_us":[1,2],"items":[1]})",
       R"(progress: 't_us' and 'items' differ in length: )"
       R"({"type":"progress","window":1,"t_us":[1,2],"items":[1]})"},
      {R"({"type":"progress","window":1,"t_us":[1,2],"items":[2,1]})",
       R"(progress: 't_us' or 'items' falls: )"
       R"({"type":"progress","window":1,"t_us":[1,2],"items":[2,1]})"},
      {R"({"type":"requests","window":1,"scheduled_us":[5],"start_us":[4],"end_us":[6]})",
       R"(requests: a request starts before it is scheduled, or ends before it starts: )"
       R"({"type":"requests","window":1,"scheduled_us":[5],"start_us":[4],"end_us":[6]})"},
  };
  for (const auto& c : cases) {
    const auto parsed = parse_message(c.line);
    ASSERT_FALSE(parsed) << c.line;
    EXPECT_EQ(parsed.error().what, c.error);
  }
}

TEST(RowMessage, ABadTextIsCutTo200Characters) {
  const auto parsed = parse_message(std::string(5000, 'x'));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().what, "not a JSON object: " + std::string(200, 'x') + "...");
}

TEST(RowMessage, DeepNestingIsRefusedNotFollowed) {
  EXPECT_FALSE(parse_message(std::string(500'000, '[')));
  EXPECT_FALSE(parse_message(R"({"type":"note","text":"x","deep":)" + std::string(20, '[') +
                             std::string(20, ']') + "}"));
}

TEST(RowMessage, CommandsOfUnknownNamesAreErrors) {
  const auto parsed = parse_command(R"({"cmd":"dance"})");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().what, R"(unknown cmd: {"cmd":"dance"})");
  EXPECT_FALSE(parse_command(
      R"({"cmd":"start","window":1,"at_ns":9223372036854775808,"seconds":1,"seed":0})"))
      << "beyond the clock";
}

}  // namespace
}  // namespace corun
