#include "workloads/inference/protocol/route.h"

#include <charconv>
#include <vector>

namespace corun::inference {

namespace {

struct Place {
  std::string_view path;
  Endpoint endpoint;
};

// Of the server, and below v2/models/NAME[/versions/VERSION].
constexpr Place kServerPlaces[] = {
    {"/v2", Endpoint::kServerMetadata},
    {"/v2/health/live", Endpoint::kServerLive},
    {"/v2/health/ready", Endpoint::kServerReady},
    {"/metrics", Endpoint::kMetrics},
};
constexpr Place kModelPlaces[] = {
    {"", Endpoint::kModelMetadata},
    {"/ready", Endpoint::kModelReady},
    {"/infer", Endpoint::kInfer},
    {"/generate", Endpoint::kGenerate},
    {"/generate_stream", Endpoint::kGenerateStream},
};

template <size_t N>
std::optional<Endpoint> endpoint_at(const Place (&places)[N], std::string_view path) {
  for (const Place& place : places) {
    if (place.path == path) return place.endpoint;
  }
  return std::nullopt;
}

/// Cuts the text up to the next '/' off `path`.
std::string_view take_segment(std::string_view& path) {
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

bool take_prefix(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

/// Nothing: a '%' without two hexadecimal digits.
std::optional<std::string> decoded(std::string_view segment) {
  std::string text;
  for (size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      text += segment[i];
      continue;
    }
    unsigned value = 0;
    const char* digits = segment.data() + i + 1;
    if (i + 2 >= segment.size()) return std::nullopt;
    const auto [end, code] = std::from_chars(digits, digits + 2, value, 16);
    if (code != std::errc() || end != digits + 2) return std::nullopt;
    text += static_cast<char>(value);
    i += 2;
  }
  return text;
}

}  // namespace

std::string_view method_of(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kInfer:
    case Endpoint::kGenerate:
    case Endpoint::kGenerateStream:
      return "POST";
    case Endpoint::kServerMetadata:
    case Endpoint::kServerLive:
    case Endpoint::kServerReady:
    case Endpoint::kMetrics:
    case Endpoint::kModelMetadata:
    case Endpoint::kModelReady:
      return "GET";
  }
  return "GET";
}

std::optional<Route> parse_target(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (const auto endpoint = endpoint_at(kServerPlaces, path)) return Route{*endpoint, {}, {}};
  if (!take_prefix(path, "/v2/models/")) return std::nullopt;
  Route route;
  const std::optional<std::string> model = decoded(take_segment(path));
  if (!model || model->empty()) return std::nullopt;
  route.model = *model;
  if (take_prefix(path, "/versions/")) {
    route.version = decoded(take_segment(path));
    if (!route.version || route.version->empty()) return std::nullopt;
  }
  const auto endpoint = endpoint_at(kModelPlaces, path);
  if (!endpoint) return std::nullopt;
  route.endpoint = *endpoint;
  return route;
}

}  // namespace corun::inference
