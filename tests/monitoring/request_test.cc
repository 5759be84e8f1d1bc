#include <gtest/gtest.h>

#include "core/json_values.h"
#include "monitoring/orders.h"
#include "monitoring/request_target.h"
#include "monitoring/serve.h"

namespace corun::monitoring {
namespace {

TEST(Target, IsPathAndQuery) {
  const Target target = parse_target("/api/v1/slices?gpu=GPU-1&from=1.5&name=a%2Fb+c").value();
  EXPECT_EQ(target.path, "/api/v1/slices");
  EXPECT_EQ(target.text("name"), "a/b c");
  EXPECT_EQ(target.number("from", 0, 2).value(), 1.5);
  EXPECT_EQ(target.number("to", 0, 2).value(), std::nullopt);
  EXPECT_FALSE(target.number("from", 2, 3));
  EXPECT_FALSE(target.number("gpu", 0, 9));
}

TEST(Target, WrongOnesAreErrors) {
  for (const char* text : {"", "x", "*", "/%", "/%2", "/%zz", "/a?b=%00"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

TEST(Host, AddressesLocalhostAndGivenNamesAreOurs) {
  const std::vector<std::string> names{"gpu1.example"};
  for (const char* host : {"127.0.0.1:9797", "[::1]:9797", "localhost", "LOCALHOST:1", "10.0.0.7",
                           "GPU1.example:9797"}) {
    EXPECT_TRUE(is_our_host(host, names)) << host;
  }
  for (const char* host : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil"}) {
    EXPECT_FALSE(is_our_host(host, names)) << host;
  }
}

TEST(Origin, OnlyOurOwnPageIsOurs) {
  EXPECT_TRUE(is_own_origin("http://127.0.0.1:9797", "127.0.0.1:9797"));
  EXPECT_FALSE(is_own_origin("http://127.0.0.1:80", "127.0.0.1:9797"));
  EXPECT_FALSE(is_own_origin("http://evil.example", "127.0.0.1:9797"));
  EXPECT_FALSE(is_own_origin("null", "127.0.0.1:9797"));
}

TEST(Secret, IsTheWholeSecret) {
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_FALSE(same_secret("ab", "abc"));
  EXPECT_FALSE(same_secret("abcabc", "abc"));
  EXPECT_FALSE(same_secret("", ""));
}

TEST(Order, IsARequestOfTheControlSocket) {
  const Order set = parse_order("1000/train", R"({"weight":2})").value();
  const Json request = parse_json(set.request, "test").value();
  EXPECT_EQ(request, (Json{{"op", "set"}, {"workload", "1000/train"}, {"weight", 2}}));
  EXPECT_EQ(parse_json(parse_order("0/a/park", "").value().request, "test").value()["op"], "park");
  EXPECT_TRUE(parse_order("0/a/park", R"({"until_resume":true})"));
}

TEST(Order, WrongOnesAreErrors) {
  for (const auto& [rest, body] :
       {std::pair("train", "{\"weight\":2}"), std::pair("0/", "{\"weight\":2}"),
        std::pair("x/a", "{\"weight\":2}"), std::pair("0/a", "{}"), std::pair("0/a", "[]"),
        std::pair("0/a", "{\"op\":\"shutdown\"}"), std::pair("0/a/kill", ""),
        std::pair("0/a/resume", "{\"until_resume\":true}")}) {
    EXPECT_FALSE(parse_order(rest, body)) << rest << " " << body;
  }
}

TEST(Listen, AddressAndPort) {
  ServeOptions options;
  ASSERT_TRUE(parse_listen("0.0.0.0:8080", &options));
  EXPECT_EQ(options.address, "0.0.0.0");
  EXPECT_EQ(options.port, 8080);
  ASSERT_TRUE(parse_listen("[::1]:1", &options));
  EXPECT_EQ(options.address, "::1");
  ASSERT_TRUE(parse_listen("9000", &options));
  EXPECT_EQ(options.port, 9000);
  EXPECT_FALSE(parse_listen("localhost", &options));
  EXPECT_FALSE(parse_listen("a:70000", &options));
}

}  // namespace
}  // namespace corun::monitoring
