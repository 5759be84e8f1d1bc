// Requests of the control socket (docs/control-api.md), before anything believes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "core/json.h"
#include "core/result.h"
#include "engine/client/client.h"

namespace corun::daemon {

inline constexpr size_t kMaxRequestBytes = 65'536;

struct StatusRequest {};
struct SetRequest {
  client::WorkloadChange change;
};
struct SettingsRequest {
  client::SettingsChange change;
  bool changes = false;  ///< whether anything is to change
};
struct TraceRequest {
  std::string workload;  ///< "": all
  uint64_t since = 0;
};
struct EventsRequest {
  uint64_t since = 0;
};
struct SlicesRequest {
  std::string workload;  ///< "": all
  uint64_t since = 0;
};
struct ParkRequest {
  std::string workload;
  bool park = true;           ///< false: resume
  bool until_resume = false;  ///< of a park
};
struct ShutdownRequest {};

using Request = std::variant<StatusRequest, SetRequest, SettingsRequest, TraceRequest,
                             EventsRequest, SlicesRequest, ParkRequest, ShutdownRequest>;

/// Errors (usage): no JSON object, an unknown operation or key, a value of a wrong type; one line
/// that names it.
Result<Request> parse_request(std::string_view line);

/// Whether only the daemon's user and root may ask for it.
bool changes_something(const Request& request);

/// {"ok":false,"error":{...}}
std::string error_reply(const Error& error);
/// {"ok":true} with the keys of `fields` (an object) added.
std::string ok_reply(const Json& fields);
std::string ok_reply();

}  // namespace corun::daemon
