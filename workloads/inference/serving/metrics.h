// What the server counts, and its text for Prometheus.
//   https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>

#include "core/clock.h"
#include "http/metrics.h"
#include "workloads/inference/serving/outcome.h"

namespace corun::inference {

/// A histogram; adding is lock-free, from any thread.
class Histogram {
 public:
  static constexpr size_t kMaxBounds = 15;
  /// `bounds`: at most kMaxBounds, rising; they outlive it.
  explicit constexpr Histogram(std::span<const double> bounds) : bounds_(bounds) {}
  void add(double value);
  /// NAME_bucket, NAME_sum and NAME_count with these labels (`model="m"`).
  std::string text(std::string_view name, std::string_view labels) const;

 private:
  std::span<const double> bounds_;
  std::array<std::atomic<uint64_t>, kMaxBounds + 1> counts_{};
  std::atomic<double> sum_{0};
};

inline constexpr double kSecondsBounds[] = {.0001, .0002, .0005, .001, .002, .005, .01,
                                            .02,   .05,   .1,    .2,   .5,   1.,   5.};
inline constexpr double kRowsBounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};

/// Of one model. Counters only rise.
struct ModelMetrics {
  std::atomic<uint64_t> answered{0};
  std::atomic<uint64_t> refused[kReasons] = {};
  std::atomic<uint64_t> cancelled{0};  ///< the client was gone
  std::atomic<uint64_t> batches{0};
  std::atomic<uint64_t> tokens{0};   ///< generated
  std::atomic<uint64_t> waiting{0};  ///< gauge: requests in the queue
  std::atomic<uint64_t> running{0};  ///< gauge: requests in the batch, or sequences
  Histogram queue_s{kSecondsBounds};
  Histogram compute_s{kSecondsBounds};
  Histogram batch_rows{kRowsBounds};

  void count(const Refusal& refusal) {
    refused[static_cast<size_t>(refusal.reason)].fetch_add(1, std::memory_order_relaxed);
  }
  void count(const Timing& timing) {
    answered.fetch_add(1, std::memory_order_relaxed);
    queue_s.add(to_seconds(timing.start - timing.arrival));
    compute_s.add(to_seconds(timing.end - timing.start));
  }
};

struct NamedMetrics {
  std::string model;
  const ModelMetrics* metrics;
};
std::string prometheus_text(const http::Metrics& http, std::span<const NamedMetrics> models);

}  // namespace corun::inference
