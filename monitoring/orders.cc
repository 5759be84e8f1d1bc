#include "monitoring/orders.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>

#include "core/json_values.h"
#include "core/text.h"

namespace corun::monitoring {

namespace {

constexpr Nanos kSetPatience = std::chrono::seconds(2);
constexpr Nanos kParkPatience = std::chrono::minutes(5);
constexpr const char* kSetKeys[] = {
    "class", "weight", "min_share", "max_share", "memory_limit_bytes", "latency_target_us"};
constexpr size_t kMaxBody = 16u << 10;

Result<Json> body_object(std::string_view body) {
  if (body.empty()) return Json(Json::object());
  if (body.size() > kMaxBody) return usage_error("the body is too long");
  CORUN_ASSIGN(Json object, parse_json(body, "the body"));
  if (!object.is_object()) return usage_error("the body is no JSON object");
  return object;
}

Status check_keys(const Json& object, std::span<const char* const> known) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string names;
    for (const char* one : known) names += std::string(names.empty() ? "" : ", ") + one;
    return usage_error(fmt::format("unknown key '{}'", one_line(key)), "there are: " + names);
  }
  return {};
}

}  // namespace

Result<Order> parse_order(std::string_view rest, std::string_view body) {
  const size_t slash = rest.find('/');
  const size_t second = slash == std::string_view::npos ? slash : rest.find('/', slash + 1);
  const std::string_view user = rest.substr(0, slash);
  const std::string_view deed = second == std::string_view::npos ? "" : rest.substr(second + 1);
  const bool is_user = !user.empty() && std::all_of(user.begin(), user.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  const std::string_view id = rest.substr(0, second);
  if (!is_user || slash == std::string_view::npos || id.size() == slash + 1) {
    return usage_error("which workload?", "write /api/v1/workloads/UID/NAME");
  }
  CORUN_ASSIGN(Json request, body_object(body));
  Order order;
  order.workload = id;
  if (deed.empty() && second == std::string_view::npos) {
    CORUN_TRY(check_keys(request, kSetKeys));
    if (request.empty()) return usage_error("the body changes nothing");
    request["op"] = "set";
    order.patience = kSetPatience;
  } else if (deed == "park" || deed == "resume") {
    static constexpr const char* kParkKeys[] = {"until_resume"};
    CORUN_TRY(check_keys(
        request, std::span<const char* const>(kParkKeys, deed == "park" ? size_t{1} : size_t{0})));
    request["op"] = deed;
    order.patience = kParkPatience;
  } else {
    return usage_error(fmt::format("'{}' is nothing to be done to a workload", one_line(deed)),
                       "there are park and resume");
  }
  request["workload"] = order.workload;
  order.request = to_line(request);
  return order;
}

}  // namespace corun::monitoring
