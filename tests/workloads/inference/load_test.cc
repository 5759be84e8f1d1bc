// The parts of the load generator that are values in, values out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "workloads/inference/load/figures.h"
#include "workloads/inference/load/options.h"
#include "workloads/inference/load/plan.h"
#include "workloads/inference/load/response_reader.h"
#include "workloads/inference/load/server_process.h"

namespace corun::inference {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(TraceFile, TheAzureFormat) {
  const auto trace = parse_trace(
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
      "2023-11-16 23:59:59.9799600,4808,10\r\n"
      "2023-11-17 00:00:00.0319601,3180,8",
      "t.csv");
  ASSERT_TRUE(trace) << trace.error().text();
  EXPECT_TRUE(trace->has_tokens);
  EXPECT_EQ(trace->rows,
            (std::vector<TraceRow>{{Nanos(0), 4808, 10}, {Nanos(52'000'100), 3180, 8}}));
}

TEST(TraceFile, SecondsAndOtherColumns) {
  const auto trace = parse_trace("user,arrival_s\na,10.5\nb,12\n\n", "t.csv");
  ASSERT_TRUE(trace) << trace.error().text();
  EXPECT_FALSE(trace->has_tokens);
  EXPECT_EQ(trace->rows[1].at, milliseconds(1500));
}

TEST(TraceFile, WrongOnesAreToldByLine) {
  const std::string azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  const std::pair<std::string, const char*> cases[] = {
      {"", "t.csv:1: there is no column"},
      {"time,tokens\n1,2\n", "t.csv:1: there is no column"},
      {"arrival_s\n", "t.csv:1: there is no row"},
      {"arrival_s\n1\nx\n", "t.csv:3: 'x' is no time"},
      {"arrival_s\n-1\n", "t.csv:2: '-1' is no time"},
      {"arrival_s\nnan\n", "is no time"},
      {"arrival_s\n2\n1\n", "t.csv:3: its time is before the last line's"},
      {"arrival_s\n2\n4\n3\n", "t.csv:4: its time is before the last line's"},
      {"a,arrival_s\nb\n", "t.csv:2: the time is missing"},
      {azure + "2023-11-16 18:17:03.9,5,x\n", "t.csv:2: 'x' is no number of tokens"},
      {azure + "2023-11-16 18:17:03.9,-5,1\n", "'-5' is no number of tokens"},
      {azure + "2023-11-31 18:17:03.9,5,1\n", "is no time"},
      {azure + "2023-11-16 24:17:03.9,5,1\n", "is no time"},
      {azure + "2023-11-16 18:17:03.1234567890,5,1\n", "is no time"},
      {azure + "2023-11-16 18:17\n", "is no time"},
  };
  for (const auto& [text, says] : cases) {
    const auto trace = parse_trace(text, "t.csv");
    ASSERT_FALSE(trace) << text;
    EXPECT_NE(trace.error().what.find(says), std::string::npos) << trace.error().what;
  }
}

TEST(TracePart, IsCutAtItsOffsetAndSpeededUp) {
  const Trace trace{
      {{seconds(0), 1, 1}, {seconds(4), 2, 2}, {seconds(6), 3, 3}, {seconds(9), 4, 4}}, true};
  EXPECT_EQ(part_of(trace, seconds(3), seconds(2), 2),
            (std::vector<TraceRow>{{milliseconds(500), 2, 2}, {milliseconds(1500), 3, 3}}));
  const Trace long_one{{{seconds(0), 1, 1}, {std::chrono::hours(2'000'000), 1, 1}}, false};
  EXPECT_EQ(part_of(long_one, seconds(0), seconds(1), 0.001).size(), 1U);
}

TEST(Plan, DrawnArrivalsCarryTheGivenTokens) {
  ArrivalOptions options;
  options.prompt_tokens = 7;
  options.answer_tokens = 9;
  const auto drawn = stats::poisson_arrivals(100, seconds(1), 5);
  const auto plan = plan_requests(options, 100, nullptr, seconds(1), 5);
  ASSERT_EQ(plan.size(), drawn.size());
  for (size_t i = 0; i < plan.size(); ++i) EXPECT_EQ(plan[i], (TraceRow{drawn[i], 7, 9}));
}

TEST(Plan, AReplayKeepsItsTokensAndAsksForOneAtLeast) {
  ArrivalOptions options;
  options.process = Arrivals::kTrace;
  Trace trace{{{Nanos(0), 5, 0}}, true};
  EXPECT_EQ(plan_requests(options, 0, &trace, seconds(1), 1),
            (std::vector<TraceRow>{{Nanos(0), 5, 1}}));
  trace.has_tokens = false;
  EXPECT_EQ(plan_requests(options, 0, &trace, seconds(1), 1)[0].context_tokens, 128U);
}

Instant moment_ms(int64_t ms) { return Instant{ms * 1'000'000}; }

/// Came at 100 ms, sent at once, first token at 130 ms, four more until 170 ms.
RequestRecord answered() {
  return {.scheduled = moment_ms(100),
          .due = moment_ms(100),
          .sent = moment_ms(100),
          .first = moment_ms(130),
          .end = moment_ms(170),
          .tokens = 5,
          .status = 200};
}

TEST(LoadFigures, CountFromTheScheduledTime) {
  RequestRecord late = answered();
  late.due = late.sent = moment_ms(120);  // no connection was free
  EXPECT_EQ(ttft_ms(late), 30);
  EXPECT_EQ(tpot_ms(late), 10);
  late.tokens = 1;
  EXPECT_FALSE(tpot_ms(late));
  late.tokens = 0;
  EXPECT_FALSE(ttft_ms(late));
}

TEST(LoadFigures, AllLimitsMustHold) {
  const RequestRecord record = answered();
  EXPECT_TRUE(meets({}, record));
  EXPECT_TRUE(meets({milliseconds(70), milliseconds(30), milliseconds(10)}, record));
  EXPECT_FALSE(meets({milliseconds(69), {}, {}}, record));
  EXPECT_FALSE(meets({{}, milliseconds(29), {}}, record));
  EXPECT_FALSE(meets({{}, {}, milliseconds(9)}, record));
  RequestRecord refused = record;
  refused.status = 429;
  EXPECT_FALSE(meets({}, refused));
  RequestRecord one_token = record;
  one_token.tokens = 1;
  EXPECT_TRUE(meets({{}, {}, milliseconds(1)}, one_token));
}

TEST(LoadFigures, LinesTellGoodputErrorsAndWhatCannotBeTold) {
  std::vector<RequestRecord> records(600, answered());
  records[0].status = 429;
  records[0].retry_after_s = 2;
  records[1].status = 0;
  records[2].end = moment_ms(400);
  records[3].due = records[3].sent = moment_ms(105);
  const auto lines = lines_of(records, {milliseconds(100), {}, {}}, seconds(2), true);
  const std::vector<std::string> expected = {
      "generator lag: p50 0.0 us, p99 0.0 us, largest 0.0 us; 1 of 600 requests waited for a free "
      "connection",
      "latency: p50 70.000 ms, p90 70.000 ms, p99 70.000 ms, p99.9 -",
      "time to first token: p50 30.000 ms, p90 30.000 ms, p99 30.000 ms, p99.9 -",
      "time per further token: p50 10.000 ms, p90 10.000 ms, p99 10.000 ms, p99.9 -",
      "tokens: 1495.0/s",
      "goodput: 298.5 requests/s within all limits, of 300.0 offered",
      "refused: 1 of 600 requests had no answer",
      "refused: 1 of 600 requests with status 429, to be sent again after 2 s at most; none was"};
  EXPECT_EQ(lines, expected);
}

/// The whole answer, from bytes that come `piece` at a time; what follows is an error.
Result<bool> read_in_pieces(ResponseReader& reader, std::string_view bytes, size_t piece) {
  bool whole = false;
  while (!bytes.empty()) {
    CORUN_ASSIGN(whole, reader.add(bytes.substr(0, piece)));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return whole;
}

TEST(ResponseReader, AnswersAreTheSameInPiecesOfAnySize) {
  struct Answered {
    std::string bytes;
    int status;
    std::string body;
    size_t events;
    bool keeps;
  };
  const Answered cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 0, true},
      {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", 0, true},
      {"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 503, "x", 0, false},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
       "9\r\ndata: 1\n\n\r\nA\r\n\ndata: 2\n\n\r\n1\r\n\n\r\n0\r\n\r\n",
       200, "data: 1\n\n\ndata: 2\n\n\n", 2, true},
  };
  for (const Answered& one : cases) {
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, one.bytes.size()}) {
      ResponseReader reader;
      const auto whole = read_in_pieces(reader, one.bytes, piece);
      ASSERT_TRUE(whole && *whole) << one.bytes << " by " << piece;
      EXPECT_EQ(reader.status(), one.status);
      EXPECT_EQ(reader.body(), one.body);
      EXPECT_EQ(reader.events(), one.events) << piece;
      EXPECT_EQ(reader.keep_alive(), one.keeps);
    }
  }
}

TEST(ResponseReader, TellsWhatTheServerAsksForAndForgetsIt) {
  const std::string head = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n";
  ResponseReader reader;
  ASSERT_TRUE(reader.add(head + "Retry-After: 3\r\n\r\n"));
  EXPECT_EQ(reader.retry_after_s(), 3U);
  reader.reset();
  ASSERT_TRUE(reader.add(head + "Retry-After: Sat, 28 Nov 2026 20:00:00 GMT\r\n\r\n"));
  EXPECT_EQ(reader.status(), 429);
  EXPECT_FALSE(reader.retry_after_s());
}

TEST(ResponseReader, AnAnswerWithoutALengthEndsWithTheConnection) {
  ResponseReader reader;
  EXPECT_FALSE(*reader.add("HTTP/1.1 200 OK\r\n\r\nsome"));
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(reader.body(), "some");
  reader.reset();
  EXPECT_FALSE(*reader.add("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsome"));
  EXPECT_FALSE(reader.finish());
  reader.reset();
  EXPECT_FALSE(reader.finish());
}

TEST(ResponseReader, WhatIsNoAnswerIsRefused) {
  for (const char* bytes :
       {"SSH-2.0-server\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy"}) {
    EXPECT_FALSE(ResponseReader().add(bytes)) << bytes;
  }
}

const char kMetadata[] = R"({"name":"m","inputs":[{"name":"A","datatype":"FP32","shape":[-1,2]},)"
                         R"({"name":"B","datatype":"BYTES","shape":[1]}]})";

TEST(Target, AsksInTheShapesThatTheModelTells) {
  TargetOptions options;
  options.model = "m";
  options.rows = 3;
  const auto binary = infer_request_bytes(kMetadata, "h:1", options);
  ASSERT_TRUE(binary) << binary.error().text();
  const std::string json =
      R"({"inputs":[{"name":"A","datatype":"FP32","shape":[3,2],)"
      R"("parameters":{"binary_data_size":24}},)"
      R"({"name":"B","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":9}}],)"
      R"("parameters":{"binary_data_output":true}})";
  EXPECT_TRUE(binary->starts_with(
      fmt::format("POST /v2/models/m/infer HTTP/1.1\r\nHost: h:1\r\nContent-Type: "
                  "application/octet-stream\r\nInference-Header-Content-Length: {}\r\n"
                  "Content-Length: {}\r\n\r\n{}",
                  json.size(), json.size() + 33, json)))
      << *binary;
  options.json = true;
  const auto text = infer_request_bytes(kMetadata, "h:1", options);
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->ends_with(R"("shape":[1],"data":["corun"]}]})")) << *text;
  options.seed = 2;
  EXPECT_NE(*infer_request_bytes(kMetadata, "h:1", options), *text);
}

TEST(Target, WhatDoesNotFitIsToldBeforeAnythingIsSent) {
  TargetOptions options;
  options.shapes["A"] = {2};
  const auto shape = infer_request_bytes(kMetadata, "h:1", options);
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().what, "--shape A=[2]: the model takes [-1,2]");
  options.shapes["A"] = {1 << 20, 1 << 20};
  EXPECT_FALSE(infer_request_bytes(kMetadata, "h:1", options));
  for (const char* metadata : {"", "{}", "[]", R"({"inputs":[{"name":"A","shape":[1]}]})",
                               R"({"inputs":[{"name":"A","datatype":"X","shape":[1]}]})"}) {
    EXPECT_FALSE(infer_request_bytes(metadata, "h:1", {})) << metadata;
  }
}

std::string wrong_options(std::vector<const char*> words) {
  words.insert(words.begin(), "corun-load");
  const auto options = parse_load_options(static_cast<int>(words.size()), words.data());
  return options ? "none" : options.error().what;
}

TEST(LoadOptions, WrongOnesAreToldByName) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{"--url", "http://h:1"}, "no --model is given"},
      {{"--model", "m"}, "neither --url nor a server with {port} is given"},
      {{"--model", "m", "--", "server"}, "neither --url nor a server with {port} is given"},
      {{"--model", "m", "--url", "u", "--arrivals", "uniform"}, "no arrivals 'uniform'"},
      {{"--model", "m", "--url", "u", "--burst-ratio", "20"}, "--burst-ratio times"},
      {{"--model", "m", "--url", "u", "--rate", "1", "--load", "1"}, "--rate excludes --load"},
      {{"--model", "m", "--url", "u", "--slo", "0s"}, "--slo 0s is out of range"},
      {{"--model", "m", "--url", "u", "--shape", "A2"}, "--shape 'A2' is not of the form"},
      {{"--model", "m", "--url", "u", "--shape", "A=2x"}, "--shape 'A=2x' is not of the form"},
      {{"--model", "m", "--url", "u", "--trace", "/no/such"}, "/no/such"},
  };
  for (const auto& [words, says] : cases) {
    EXPECT_NE(wrong_options(words).find(says), std::string::npos) << wrong_options(words);
  }
}

TEST(LoadOptions, TheServersWordsAreItsOwn) {
  const char* words[] = {"corun-load", "--model", "m", "--", "s", "--port={port}", "--model", "x"};
  const auto parsed = parse_load_options(static_cast<int>(std::size(words)), words);
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->target.model, "m");
  EXPECT_EQ(server_command((*parsed)->server, 80, "/no/such"),
            (std::vector<std::string>{"s", "--port=80", "--model", "x"}));
}

TEST(ServerAddress, AUrlIsHostAndPort) {
  for (const char* url : {"", "h:1", "https://h:1", "http://h", "http://:1", "http://h:0",
                          "http://h:65536", "http://h:1/path", "http://h:x"}) {
    const auto endpoint = ServerAddress::resolve(url);
    ASSERT_FALSE(endpoint) << url;
    EXPECT_EQ(endpoint.error().kind, ErrorKind::kUsage) << url;
  }
  const auto endpoint = ServerAddress::resolve("http://127.0.0.1:80/");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->authority(), "127.0.0.1:80");
}

TEST(WarmRequest, IsShortUnlessWhatAFullAnswerTakesIsWanted) {
  ArrivalOptions options;
  options.prompt_tokens = 100;
  options.answer_tokens = 128;
  EXPECT_EQ(warm_request(options, true), (TraceRow{Nanos(0), 100, 128}));
  EXPECT_EQ(warm_request(options, false), (TraceRow{Nanos(0), 100, 16}));
  options.answer_tokens = 3;
  EXPECT_EQ(warm_request(options, false), (TraceRow{Nanos(0), 100, 3}));
}

}  // namespace
}  // namespace corun::inference
