// What a request's target asks for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace corun::inference {

enum class Endpoint {
  kServerMetadata,
  kServerLive,
  kServerReady,
  kMetrics,
  kModelMetadata,
  kModelReady,
  kInfer,
  kGenerate,
  kGenerateStream,
};

/// "GET" or "POST".
std::string_view method_of(Endpoint endpoint);

struct Route {
  Endpoint endpoint = Endpoint::kServerMetadata;
  std::string model;
  std::optional<std::string> version;
  bool operator==(const Route&) const = default;
};

/// `target` as it stands in the request line: a query is ignored, %XX in names is decoded. Nothing:
/// there is no such place. Takes any bytes.
std::optional<Route> parse_target(std::string_view target);

}  // namespace corun::inference
