#include "workloads/inference/torch/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/stats/quantile.h"
#include "workloads/inference/torch/torch_kinds.h"

namespace corun::inference {

namespace {

constexpr uint64_t kAhead = 16;  ///< runs between two looks at the clock, back to back

Json percentile(const std::vector<double>& sorted, double p) {
  if (!stats::supports_percentile(sorted.size(), p)) return nullptr;
  return stats::quantile_of_sorted(sorted, p);
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

Figures libtorch_figures(const libtorch::Placement& place, bool graph, int64_t rows) {
  return {.device = place.device.is_cuda() ? "cuda" : "cpu",
          .type = libtorch::type_word(place.type),
          .graph = graph,
          .rows = rows};
}

void time_runs(Nanos duration, double items, const std::function<void()>& work,
               const std::function<void()>& finish, Figures& figures) {
  work();
  finish();
  const Instant start = monotonic_now();
  Instant now = start;
  uint64_t runs = 0;
  for (; now < start + duration / 2; now = monotonic_now()) {
    for (uint64_t i = 0; i < kAhead; ++i) work();
    finish();
    runs += kAhead;
  }
  figures.items_per_s = items * static_cast<double>(runs) / to_seconds(now - start);
  for (Instant before = now; before < start + duration; before = now) {
    work();
    finish();
    now = monotonic_now();
    figures.run_us.push_back(to_micros(now - before));
  }
  figures.runs = runs + figures.run_us.size();
}

std::string line_of(const std::string& model, const std::string& kind, Figures figures) {
  std::sort(figures.run_us.begin(), figures.run_us.end());
  Json line{{"model", model},
            {"kind", kind},
            {"device", figures.device},
            {"dtype", figures.type},
            {"graph", figures.graph},
            {"rows", figures.rows},
            {"runs", figures.runs},
            {"items_per_s", figures.items_per_s},
            {"p50_us", percentile(figures.run_us, 0.5)},
            {"p99_us", percentile(figures.run_us, 0.99)},
            {"weight_bytes", figures.weight_bytes}};
  if (figures.step_bytes) {
    const double steps_per_s = figures.items_per_s / static_cast<double>(figures.rows);
    const double read = steps_per_s * static_cast<double>(*figures.step_bytes);
    line["prompt_tokens_per_s"] = or_null(figures.prompt_tokens_per_s);
    line["step_bytes"] = *figures.step_bytes;
    line["step_bytes_per_s"] = read;
    line["copy_bytes_per_s"] = or_null(figures.copy_bytes_per_s);
    line["difference"] = or_null(figures.difference);
    line["of_copy_bandwidth"] = read / figures.copy_bytes_per_s.value_or(1);
  }
  return to_line(line);
}

Status measure_models(const ServerOptions& options) {
  for (const ModelSpec& spec : options.models) {
    CORUN_ASSIGN(MadeModel made, make_model(spec, torch_kinds()));
    AnyModel* const model =
        std::visit([](auto& one) -> AnyModel* { return one.get(); }, made.model);
    auto* const measurable = dynamic_cast<Measurable*>(model);
    if (measurable == nullptr) {
      return usage_error(fmt::format("model '{}' cannot be measured", spec.name));
    }
    CORUN_TRY(model->load());
    CORUN_ASSIGN(Figures figures, measurable->measure(options.measure));
    fmt::print("{}\n", line_of(spec.name, spec.kind, std::move(figures)));
    std::fflush(stdout);
  }
  return {};
}

}  // namespace corun::inference
