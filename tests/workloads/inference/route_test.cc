#include "workloads/inference/protocol/route.h"

#include <gtest/gtest.h>

#include "workloads/inference/protocol/generate.h"

namespace corun::inference {
namespace {

struct Known {
  const char* name;
  const char* target;
  Route route;
};

class KnownTargets : public testing::TestWithParam<Known> {};

TEST_P(KnownTargets, AreFound) { EXPECT_EQ(parse_target(GetParam().target), GetParam().route); }

INSTANTIATE_TEST_SUITE_P(
    All, KnownTargets,
    testing::Values(
        Known{"server", "/v2", {Endpoint::kServerMetadata, {}, {}}},
        Known{"server_with_slash", "/v2/", {Endpoint::kServerMetadata, {}, {}}},
        Known{"live", "/v2/health/live", {Endpoint::kServerLive, {}, {}}},
        Known{"ready", "/v2/health/ready", {Endpoint::kServerReady, {}, {}}},
        Known{"metrics", "/metrics", {Endpoint::kMetrics, {}, {}}},
        Known{"model", "/v2/models/m", {Endpoint::kModelMetadata, "m", {}}},
        Known{"version", "/v2/models/m/versions/1", {Endpoint::kModelMetadata, "m", "1"}},
        Known{"model_ready", "/v2/models/m/ready", {Endpoint::kModelReady, "m", {}}},
        Known{"infer", "/v2/models/m/infer", {Endpoint::kInfer, "m", {}}},
        Known{"infer_version", "/v2/models/m/versions/2/infer", {Endpoint::kInfer, "m", "2"}},
        Known{"query", "/v2/models/m/infer?a=/b", {Endpoint::kInfer, "m", {}}},
        Known{"escaped", "/v2/models/a%2Fb/infer", {Endpoint::kInfer, "a/b", {}}},
        Known{"generate", "/v2/models/m/generate", {Endpoint::kGenerate, "m", {}}},
        Known{"stream", "/v2/models/m/generate_stream", {Endpoint::kGenerateStream, "m", {}}}),
    [](const auto& test) { return test.param.name; });

TEST(Route, OtherTargetsAreNoPlaces) {
  for (const char* target :
       {"", "/", "v2", "/v1", "/v2x", "/v2/models", "/v2/models/", "/v2/models//infer",
        "/v2/models/m/versions/", "/v2/models/m/versions//infer", "/v2/models/m/unknown",
        "/v2/models/m/infer/more", "/v2/models/a%2/infer", "/v2/models/a%zz/infer", "/v2/health"}) {
    EXPECT_FALSE(parse_target(target)) << target;
  }
}

TEST(GenerateRequest, ThePublishedExample) {
  const auto request = parse_generate_request(
      R"({"text_input": "client input", "parameters": {"stream": false, "temperature": 0}})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->text_input, "client input");
  EXPECT_EQ(request->max_tokens, 16U);
}

TEST(GenerateRequest, SettingsStandAtTheTopOrBelowParameters) {
  EXPECT_EQ(parse_generate_request(R"({"text_input":"a","max_tokens":5})")->max_tokens, 5U);
  const auto below = parse_generate_request(
      R"({"id":"7","text_input":"a","parameters":{"max_tokens":6,"timeout":9}})");
  EXPECT_EQ(below->max_tokens, 6U);
  EXPECT_EQ(below->timeout, std::chrono::microseconds(9));
  EXPECT_EQ(below->id, "7");
}

TEST(GenerateRequest, WrongOnesAreToldInOneLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "not JSON"},
      {"[]", "no JSON object"},
      {"{}", "'text_input' is missing"},
      {R"({"text_input":1})", "'text_input' is no string"},
      {R"({"text_input":"a","id":1})", "'id' is no string"},
      {R"({"text_input":"a","parameters":1})", "'parameters' is no object"},
      {R"({"text_input":"a","max_tokens":0})", "'max_tokens' is no whole number from 1"},
      {R"({"text_input":"a","max_tokens":1.5})", "'max_tokens'"},
      {R"({"text_input":"a","timeout":-1})", "'timeout'"},
  };
  for (const auto& [body, says] : cases) {
    const auto request = parse_generate_request(body);
    ASSERT_FALSE(request) << body;
    EXPECT_NE(request.error().what.find(says), std::string::npos) << request.error().what;
  }
}

TEST(GenerateBody, IsAnEventOfTheStreamToo) {
  const Signature model{.name = "m", .platform = "p", .inputs = {}, .outputs = {}};
  EXPECT_EQ(
      sse_event(generate_body(model, {}, "a\"\n")),
      "data: {\"model_name\":\"m\",\"model_version\":\"1\",\"text_output\":\"a\\\"\\n\"}\n\n");
}

}  // namespace
}  // namespace corun::inference
