#include "monitoring/page.h"

#include <gtest/gtest.h>

#include "monitoring/gzip.h"
#include "monitoring/web_files.h"

namespace corun::monitoring {
namespace {

std::optional<std::string> header_of(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

http::Request request_with(std::string name, std::string value) {
  http::Request request;
  request.headers.emplace_back(std::move(name), std::move(value));
  return request;
}

TEST(Page, EachFileIsGivenPackedPlainAndNotAgain) {
  for (const WebFile& file : web_files()) {
    const auto packed = page_answer(request_with("Accept-Encoding", "br, gzip"), file.path);
    ASSERT_TRUE(packed) << file.path;
    EXPECT_EQ(header_of(*packed, "Content-Encoding"), "gzip");
    EXPECT_EQ(gunzip(packed->body, file.size).value().size(), file.size);
    const auto plain = page_answer({}, file.path);
    EXPECT_EQ(plain->body.size(), file.size);
    const auto again =
        page_answer(request_with("If-None-Match", std::string(file.etag)), file.path);
    EXPECT_EQ(again->status, 304);
    EXPECT_TRUE(again->body.empty());
  }
}

TEST(Page, ThereIsAlwaysAPageAndAPolicy) {
  const auto answer = page_answer({}, "/");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(header_of(*answer, "Content-Security-Policy"));
  EXPECT_FALSE(page_answer({}, "/nothing"));
}

TEST(Gzip, ComesBackAndIsBounded) {
  const std::string text(100'000, 'x');
  EXPECT_EQ(gunzip(gzip(text), text.size()).value(), text);
  EXPECT_FALSE(gunzip(gzip(text), text.size() - 1));
  EXPECT_FALSE(gunzip("no gzip", 100));
  const std::string packed = gzip(text);
  bool whole = true;
  EXPECT_TRUE(gunzip_up_to_cut(packed.substr(0, packed.size() - 9), text.size(), &whole));
  EXPECT_FALSE(whole);
}

}  // namespace
}  // namespace corun::monitoring
