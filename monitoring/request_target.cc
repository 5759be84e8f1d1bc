#include "monitoring/request_target.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace corun::monitoring {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return usage_error("the address has a '%' without two hexadecimal digits");
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (out.find('\0') != std::string::npos) return usage_error("the address has a zero byte");
  return out;
}

bool is_ip_address(const std::string& host) {
  in6_addr buffer{};
  return inet_pton(AF_INET, host.c_str(), &buffer) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &buffer) == 1;
}

}  // namespace

Result<std::optional<double>> Target::number(const std::string& name, double low,
                                             double high) const {
  const auto found = query.find(name);
  if (found == query.end()) return std::optional<double>();
  const std::string& word = found->second;
  double value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool whole = code == std::errc() && end == word.data() + word.size();
  if (!whole || !std::isfinite(value) || value < low || value > high) {
    return usage_error(fmt::format("'{}' is no number from {} to {}", name, low, high));
  }
  return std::optional<double>(value);
}

std::optional<std::string> Target::text(const std::string& name) const {
  const auto found = query.find(name);
  if (found == query.end()) return std::nullopt;
  return found->second;
}

Result<Target> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return usage_error("the address has no path");
  target = target.substr(0, target.find('#'));
  Target parsed;
  const size_t mark = target.find('?');
  CORUN_ASSIGN(parsed.path, decoded(target.substr(0, mark), false));
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view one = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const size_t equals = one.find('=');
    CORUN_ASSIGN(std::string name, decoded(one.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      CORUN_ASSIGN(value, decoded(one.substr(equals + 1), true));
    }
    if (!name.empty()) parsed.query[std::move(name)] = std::move(value);
  }
  return parsed;
}

std::string host_of(std::string_view authority) {
  std::string_view host = authority;
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  std::string lower(host);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

bool is_our_host(std::string_view authority, std::span<const std::string> names) {
  const std::string host = host_of(authority);
  if (host == "localhost" || is_ip_address(host)) return true;
  return std::any_of(names.begin(), names.end(),
                     [&host](const std::string& name) { return host_of(name) == host; });
}

bool is_own_origin(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme) && origin.substr(scheme.size()) == host) return true;
  }
  return false;
}

bool same_secret(std::string_view given, std::string_view secret) {
  unsigned char difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    const char other = secret.empty() ? '\0' : secret[i % secret.size()];
    difference = static_cast<unsigned char>(difference | (given[i] ^ other));
  }
  return difference == 0 && !secret.empty();
}

}  // namespace corun::monitoring
