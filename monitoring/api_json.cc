#include "monitoring/api_json.h"

#include <cmath>

#include "core/json_values.h"

namespace corun::monitoring {

namespace {

/// Seconds from `from`, to the microsecond.
double relative(int64_t us, double from) {
  return static_cast<double>(us - std::llround(from * 1e6)) * 1e-6;
}

Json lane_json(const Lane& lane, double from, const LaneInfo* info) {
  Json blocks = Json::array();
  for (const Block& block : lane.blocks) {
    blocks.push_back({relative(block.begin_us, from), relative(block.end_us, from),
                      to_string(block.kind), std::round(block.coverage * 1e3) * 1e-3});
  }
  const size_t slash = lane.workload.find('/');
  const std::string name = lane.workload.empty() ? "other processes"
                           : info != nullptr     ? info->name
                                                 : lane.workload.substr(slash + 1);
  return {{"workload", lane.workload},
          {"name", name},
          {"class", to_string(info != nullptr ? info->service_class : ServiceClass::kNormal)},
          {"source", client::to_string(lane.source)},
          {"blocks", std::move(blocks)}};
}

}  // namespace

Json lanes_json(const std::string& gpu, double from, double to, const LanesAnswer& answer) {
  Json lanes = Json::array();
  for (const Lane& lane : answer.lanes.lanes) {
    const auto info = answer.infos.find(lane.workload);
    lanes.push_back(lane_json(lane, from, info == answer.infos.end() ? nullptr : &info->second));
  }
  return {{"schema", kLiveSchema}, {"gpu", gpu},
          {"from", from},          {"to", to},
          {"lanes", lanes},        {"truncated", answer.lanes.truncated}};
}

Json series_json(const SeriesQuery& query, const SeriesAnswer& answer) {
  Json list = Json::array();
  for (const SeriesAnswer::One& one : answer.series) {
    Json t = Json::array(), min = Json::array(), mean = Json::array(), max = Json::array();
    for (const Point& point : one.points) {
      t.push_back(point.t);
      min.push_back(point.min);
      mean.push_back(point.mean);
      max.push_back(point.max);
    }
    list.push_back({{"name", one.name},
                    {"workload", query.workload.empty() ? Json() : Json(query.workload)},
                    {"unit", one.unit},
                    {"label", client::to_string(one.label)},
                    {"t", std::move(t)},
                    {"min", std::move(min)},
                    {"mean", std::move(mean)},
                    {"max", std::move(max)}});
  }
  return {{"schema", kLiveSchema},
          {"step", answer.step},
          {"from", query.from},
          {"to", query.to},
          {"series", std::move(list)}};
}

Json events_json(const std::vector<Event>& events, uint64_t next) {
  Json list = Json::array();
  for (const Event& event : events) list.push_back(to_json(event));
  return {{"schema", kLiveSchema}, {"next", next}, {"events", std::move(list)}};
}

}  // namespace corun::monitoring
