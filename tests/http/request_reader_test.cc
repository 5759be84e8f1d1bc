#include "http/request_reader.h"

#include <gtest/gtest.h>

namespace corun::http {
namespace {

using State = RequestReader::State;

constexpr RequestLimits kLimits{.header_bytes = 256, .body_bytes = 32};
constexpr std::string_view kPost =
    "POST /v2/models/m/infer?x HTTP/1.1\r\nHost: h\r\nINFERENCE-header-content-length: 2\r\n"
    "Content-Length: 5\r\n\r\n{}abc";

TEST(RequestReader, AnyCutGivesTheSameRequest) {
  for (size_t cut = 0; cut <= kPost.size(); ++cut) {
    RequestReader reader(kLimits);
    const RequestReader::News first = reader.add(kPost.substr(0, cut));
    const State wanted = cut == 0              ? State::kEmpty
                         : cut == kPost.size() ? State::kComplete
                                               : State::kPartial;
    ASSERT_EQ(first, RequestReader::News(wanted)) << cut;
    if (cut < kPost.size()) {
      ASSERT_EQ(reader.add(kPost.substr(cut)), RequestReader::News(State::kComplete)) << cut;
    }
    const Request request = reader.take();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/v2/models/m/infer?x");
    EXPECT_EQ(request.body, "{}abc");
    EXPECT_EQ(request.header("Inference-Header-Content-Length"), "2");
    EXPECT_EQ(request.header("HOST"), "h");
    EXPECT_EQ(request.header("Origin"), std::nullopt);
    EXPECT_TRUE(request.keep_alive && request.chunks);
    EXPECT_FALSE(reader.keeps());
  }
}

TEST(RequestReader, BytesOfTheNextRequestAreKeptForIt) {
  RequestReader reader(kLimits);
  const std::string two = "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nConnection: close\r\n\r\nGET";
  ASSERT_EQ(reader.add(two), RequestReader::News(State::kComplete));
  EXPECT_EQ(reader.take().target, "/a");
  EXPECT_TRUE(reader.keeps());
  ASSERT_EQ(reader.add({}), RequestReader::News(State::kComplete));
  const Request second = reader.take();
  EXPECT_EQ(second.target, "/b");
  EXPECT_FALSE(second.keep_alive);
  EXPECT_EQ(reader.add({}), RequestReader::News(State::kPartial));
}

TEST(RequestReader, AskingToContinueIsToldOnce) {
  RequestReader reader(kLimits);
  EXPECT_EQ(reader.add("POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"),
            RequestReader::News(State::kWantsContinue));
  EXPECT_EQ(reader.add("a"), RequestReader::News(State::kPartial));
  EXPECT_EQ(reader.add("b"), RequestReader::News(State::kComplete));
}

TEST(RequestReader, AChunkedBodyIsOneBody) {
  RequestReader reader(kLimits);
  ASSERT_EQ(reader.add("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
            RequestReader::News(State::kPartial));
  ASSERT_EQ(reader.add("2\r\nde\r\n0\r\n\r\n"), RequestReader::News(State::kComplete));
  EXPECT_EQ(reader.take().body, "abcde");
}

TEST(RequestReader, ABodyWithoutAChunkMayComeByteByByte) {
  RequestReader reader(kLimits);
  const std::string bytes = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    ASSERT_EQ(reader.add(bytes.substr(i, 1)), RequestReader::News(State::kPartial)) << i;
  }
  EXPECT_EQ(reader.add("\n"), RequestReader::News(State::kComplete));
}

struct Bad {
  const char* name;
  std::string bytes;
  int status;
};

class BadRequests : public testing::TestWithParam<Bad> {};

TEST_P(BadRequests, HaveTheirStatus) {
  RequestReader reader(kLimits);
  const RequestReader::News news = reader.add(GetParam().bytes);
  ASSERT_TRUE(std::holds_alternative<BadRequest>(news));
  EXPECT_EQ(std::get<BadRequest>(news).status, GetParam().status)
      << std::get<BadRequest>(news).text;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRequests,
    testing::Values(
        Bad{"no_http", "\x16\x03\x01 hello\r\n\r\n", 400},
        Bad{"no_version", "GET /v2\r\n\r\n", 400},
        Bad{"another_version", "GET /v2 HTTP/3.0\r\n\r\n", 505},
        Bad{"a_large_header", "GET / HTTP/1.1\r\nX: " + std::string(300, 'x'), 431},
        Bad{"a_large_body", "POST / HTTP/1.1\r\nContent-Length: 33\r\n\r\n", 413},
        Bad{"a_large_chunk",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n21\r\n" + std::string(33, 'x') +
                "\r\n",
            413},
        Bad{"no_length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
        Bad{"two_lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
            400},
        Bad{"length_and_chunks",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400}),
    [](const auto& test) { return test.param.name; });

TEST(Message, AnAnswersHead) {
  Response response;
  response.status = 429;
  response.body = "{}";
  response.headers.emplace_back("Retry-After", "3");
  EXPECT_EQ(head_of(response, false),
            "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\nConnection: close\r\nRetry-After: 3\r\n\r\n");
}

TEST(Message, APieceOfAStream) {
  EXPECT_EQ(stream_piece("data: 1234567890\n", true), "11\r\ndata: 1234567890\n\r\n");
  EXPECT_EQ(stream_piece("data", false), "data");
}

}  // namespace
}  // namespace corun::http
