// Answers from the history as JSON of docs/live-api.md.
#pragma once

#include "core/json.h"
#include "monitoring/history.h"

namespace corun::monitoring {

Json lanes_json(const std::string& gpu, double from, double to, const LanesAnswer& answer);
Json series_json(const SeriesQuery& query, const SeriesAnswer& answer);
Json events_json(const std::vector<Event>& events, uint64_t next);

}  // namespace corun::monitoring
