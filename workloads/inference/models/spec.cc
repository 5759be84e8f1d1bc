#include "workloads/inference/models/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "core/units.h"

namespace corun::inference {

namespace {

constexpr char kExample[] = "for example --model m=echo,max-batch=8,delay=1ms";

/// Cuts the text up to `separator`, and the separator, off `text`.
std::string_view take_part(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

bool parse_count(std::string_view text, uint64_t& out) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<ModelSpec> parse_model_spec(std::string_view text) {
  const auto wrong = [&](const std::string& what) {
    return usage_error(fmt::format("--model '{}': {}", one_line(text), what), kExample);
  };
  std::string_view rest = text;
  const std::string_view head = take_part(rest, ',');
  ModelSpec spec;
  const size_t equals = head.find('=');
  spec.name = head.substr(0, equals);
  spec.kind = equals == std::string_view::npos ? head : head.substr(equals + 1);
  if (spec.name.empty() || spec.kind.empty()) return wrong("name or kind is empty");
  if (text.ends_with(',')) return wrong("nothing follows the last ','");
  while (!rest.empty()) {
    std::string_view value = take_part(rest, ',');
    const std::string_view key = take_part(value, '=');
    if (key.empty() || value.empty()) return wrong("a setting is not of the form KEY=VALUE");
    if (!spec.settings.emplace(key, value).second) {
      return wrong(fmt::format("'{}' is given twice", one_line(key)));
    }
  }
  return spec;
}

const std::string* Settings::take(const std::string& key) {
  unread_.erase(key);
  const auto found = spec_.settings.find(key);
  return found == spec_.settings.end() || error_ ? nullptr : &found->second;
}

void Settings::get(const std::string& key, std::string& out) {
  if (const std::string* text = take(key)) out = *text;
}

void Settings::get(const std::string& key, Nanos& out) {
  const std::string* text = take(key);
  if (text == nullptr) return;
  const Result<Nanos> value = parse_duration(*text);
  if (!value) return fail(key, value.error().text());
  out = *value;
}

void Settings::get_bytes(const std::string& key, uint64_t& out) {
  const std::string* text = take(key);
  if (text == nullptr) return;
  const Result<uint64_t> value = parse_bytes(*text);
  if (!value) return fail(key, value.error().text());
  out = *value;
}

void Settings::get_count(const std::string& key, uint64_t& out, uint64_t least, uint64_t most) {
  const std::string* text = take(key);
  if (text == nullptr) return;
  uint64_t value = 0;
  if (!parse_count(*text, value) || value < least || value > most) {
    return fail(key, fmt::format("'{}' is no whole number from {} to {}", *text, least, most));
  }
  out = value;
}

void Settings::get_counts(const std::string& key, std::vector<int64_t>& out) {
  const std::string* text = take(key);
  if (text == nullptr) return;
  out.clear();
  for (std::string_view rest = *text; !rest.empty();) {
    uint64_t value = 0;
    const bool count = parse_count(take_part(rest, ':'), value) && value >= 1 && value <= 65536;
    if (!count || text->ends_with(':')) {
      return fail(key, fmt::format("'{}' is no list like 4:8", *text));
    }
    out.push_back(static_cast<int64_t>(value));
  }
}

void Settings::fail(const std::string& key, const std::string& what) {
  if (error_) return;
  error_ = usage_error(fmt::format("model '{}': setting '{}': {}", spec_.name, key, what));
}

Status Settings::status() const {
  if (error_) return *error_;
  if (unread_.empty()) return {};
  return usage_error(fmt::format("model '{}': a model of kind '{}' has no setting '{}'", spec_.name,
                                 spec_.kind, one_line(unread_.begin()->first)),
                     "see corun-inference --help");
}

}  // namespace corun::inference
