#include "workloads/inference/serving/metrics.h"

#include <gtest/gtest.h>

namespace corun::inference {
namespace {

TEST(Metrics, AHistogramIsCumulative) {
  constexpr double kBounds[] = {1.0, 2.0};
  Histogram histogram(kBounds);
  for (const double value : {0.5, 1.0, 1.5, 9.0}) histogram.add(value);
  EXPECT_EQ(histogram.text("h", "model=\"m\""),
            "h_bucket{model=\"m\",le=\"1\"} 2\n"
            "h_bucket{model=\"m\",le=\"2\"} 3\n"
            "h_bucket{model=\"m\",le=\"+Inf\"} 4\n"
            "h_sum{model=\"m\"} 12\n"
            "h_count{model=\"m\"} 4\n");
}

TEST(Metrics, EveryFamilyIsIntroducedOnceAndNamesItsModels) {
  ModelMetrics a;
  ModelMetrics b;
  b.count(Refusal{Reason::kFull, {}, {}});
  a.count(Timing{Instant{0}, Instant{1'000'000}, Instant{3'000'000}});
  http::Metrics http;
  http.connections = 3;
  http.responses[2] = 7;
  const NamedMetrics models[] = {{"a", &a}, {"odd\"name", &b}};
  const std::string text = prometheus_text(http, models);
  EXPECT_NE(text.find("# TYPE corun_inference_connections gauge\n"
                      "corun_inference_connections 3\n"),
            std::string::npos);
  EXPECT_NE(text.find("corun_inference_responses_total{status=\"2xx\"} 7\n"), std::string::npos);
  EXPECT_NE(text.find("corun_inference_requests_answered_total{model=\"a\"} 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("corun_inference_requests_refused_total{model=\"odd\\\"name\","
                      "reason=\"full\"} 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("corun_inference_queue_seconds_bucket{model=\"a\",le=\"0.001\"} 1\n"),
            std::string::npos);
  for (size_t at = text.find("# TYPE "); at != std::string::npos;
       at = text.find("# TYPE ", at + 1)) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    EXPECT_EQ(text.find(line), text.rfind(line)) << line;
  }
}

}  // namespace
}  // namespace corun::inference
