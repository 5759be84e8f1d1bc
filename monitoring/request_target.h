// What a request asks for, and whether it may: pure functions of its texts.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace corun::monitoring {

struct Target {
  std::string path;                          ///< decoded
  std::map<std::string, std::string> query;  ///< decoded; the last one of a name counts

  /// Errors (usage): there is such a parameter, but it is no number in this range.
  Result<std::optional<double>> number(const std::string& name, double low, double high) const;
  std::optional<std::string> text(const std::string& name) const;
};
/// Errors (usage): no path, or a wrong escape.
Result<Target> parse_target(std::string_view target);

/// The name in a Host header or an origin's authority, without port and brackets, in lower case.
std::string host_of(std::string_view authority);
/// Whether a request for this Host is for us: an IP address, localhost, or one of `names`. Another
/// name may be one that an attacker's page has pointed here (DNS rebinding).
bool is_our_host(std::string_view authority, std::span<const std::string> names);
/// Whether a page of this Origin is one of ours: "http://HOST" with exactly the Host of the
/// request.
bool is_own_origin(std::string_view origin, std::string_view host);
/// Compares in a time that does not depend on where they differ.
bool same_secret(std::string_view given, std::string_view secret);

}  // namespace corun::monitoring
