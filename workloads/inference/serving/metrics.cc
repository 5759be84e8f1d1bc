#include "workloads/inference/serving/metrics.h"

#include <fmt/format.h>

#include <functional>

namespace corun::inference {

namespace {

constexpr const char* kReasonNames[kReasons] = {"not_ready", "draining", "full", "expired",
                                                "failed"};

/// In a label's value: backslash, quote and line feed are escaped.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

/// "# HELP" and "# TYPE" lines; then `each` appends the samples of every model.
class Writer {
 public:
  explicit Writer(std::span<const NamedMetrics> models) : models_(models) {}

  void head(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  void sample(std::string_view name, std::string_view labels, uint64_t value) {
    fmt::format_to(std::back_inserter(text_), "{}{{{}}} {}\n", name, labels, value);
  }
  void plain(std::string_view name, uint64_t value) {
    fmt::format_to(std::back_inserter(text_), "{} {}\n", name, value);
  }
  using Read = std::function<uint64_t(const ModelMetrics&)>;
  void each_model(std::string_view name, std::string_view type, std::string_view help,
                  const Read& read) {
    head(name, type, help);
    for (const NamedMetrics& model : models_) sample(name, label(model), read(*model.metrics));
  }
  template <typename Pick>
  void each_histogram(std::string_view name, std::string_view help, Pick pick) {
    head(name, "histogram", help);
    for (const NamedMetrics& model : models_) {
      text_ += pick(*model.metrics).text(name, label(model));
    }
  }
  static std::string label(const NamedMetrics& model) {
    return fmt::format("model=\"{}\"", escaped(model.model));
  }
  std::string take() { return std::move(text_); }

 private:
  std::span<const NamedMetrics> models_;
  std::string text_;
};

void write_http(Writer& out, const http::Metrics& http) {
  out.head("corun_inference_connections", "gauge", "open connections");
  out.plain("corun_inference_connections", http.connections);
  out.head("corun_inference_connections_total", "counter", "connections accepted");
  out.plain("corun_inference_connections_total", http.accepted);
  out.head("corun_inference_responses_total", "counter", "HTTP answers by the status's class");
  for (size_t digit = 1; digit < std::size(http.responses); ++digit) {
    out.sample("corun_inference_responses_total", fmt::format("status=\"{}xx\"", digit),
               http.responses[digit]);
  }
  out.head("corun_inference_streams_cut_total", "counter",
           "streams whose client was gone or read too slowly");
  out.plain("corun_inference_streams_cut_total", http.streams_cut);
}

}  // namespace

void Histogram::add(double value) {
  size_t i = 0;
  while (i < bounds_.size() && value > bounds_[i]) ++i;
  counts_[i].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::string Histogram::text(std::string_view name, std::string_view labels) const {
  std::string out;
  uint64_t total = 0;
  for (size_t i = 0; i <= bounds_.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    const std::string bound = i < bounds_.size() ? fmt::format("{}", bounds_[i]) : "+Inf";
    fmt::format_to(std::back_inserter(out), "{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound,
                   total);
  }
  fmt::format_to(std::back_inserter(out), "{0}_sum{{{1}}} {2}\n{0}_count{{{1}}} {3}\n", name,
                 labels, sum_.load(std::memory_order_relaxed), total);
  return out;
}

std::string prometheus_text(const http::Metrics& http, std::span<const NamedMetrics> models) {
  Writer out(models);
  write_http(out, http);
  out.each_model("corun_inference_requests_answered_total", "counter", "requests answered",
                 [](const ModelMetrics& m) { return m.answered.load(); });
  out.head("corun_inference_requests_refused_total", "counter", "requests not answered, by reason");
  for (const NamedMetrics& model : models) {
    for (size_t i = 0; i < kReasons; ++i) {
      out.sample("corun_inference_requests_refused_total",
                 fmt::format("{},reason=\"{}\"", Writer::label(model), kReasonNames[i]),
                 model.metrics->refused[i]);
    }
  }
  out.each_model("corun_inference_requests_cancelled_total", "counter",
                 "requests whose client was gone",
                 [](const auto& m) { return m.cancelled.load(); });
  out.each_model("corun_inference_batches_total", "counter", "batches, and decoding steps",
                 [](const auto& m) { return m.batches.load(); });
  out.each_model("corun_inference_tokens_total", "counter", "tokens generated",
                 [](const auto& m) { return m.tokens.load(); });
  out.each_model("corun_inference_requests_waiting", "gauge", "requests in the queue",
                 [](const auto& m) { return m.waiting.load(); });
  out.each_model("corun_inference_requests_running", "gauge", "requests being worked on",
                 [](const auto& m) { return m.running.load(); });
  out.each_histogram(
      "corun_inference_queue_seconds", "time from arrival to the batch's start",
      [](const auto& m) -> const auto& { return m.queue_s; });
  out.each_histogram(
      "corun_inference_compute_seconds", "time of the batch; generation: of the answer",
      [](const auto& m) -> const auto& { return m.compute_s; });
  out.each_histogram(
      "corun_inference_batch_rows", "rows of a batch, sequences of a decoding step",
      [](const auto& m) -> const auto& { return m.batch_rows; });
  return out.take();
}

}  // namespace corun::inference
