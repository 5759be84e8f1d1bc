#include "core/json_fields.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace corun {

namespace {

/// Each overload takes `value` into `out`, or returns what was expected instead.
const char* take(const Json& value, std::string& out) {
  if (!value.is_string()) return "text";
  out = value.get<std::string>();
  return nullptr;
}

const char* take(const Json& value, bool& out) {
  if (!value.is_boolean()) return "true or false";
  out = value.get<bool>();
  return nullptr;
}

const char* take(const Json& value, double& out) {
  if (!value.is_number()) return "a number";
  out = value.get<double>();
  return nullptr;
}

const char* take(const Json& value, int64_t& out) {
  const bool too_large = value.is_number_unsigned() &&
                         value.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()};
  if (!value.is_number_integer() || too_large) return "a whole number";
  out = value.get<int64_t>();
  return nullptr;
}

const char* take(const Json& value, int& out) {
  int64_t wide = 0;
  if (const char* expected = take(value, wide)) return expected;
  if (!std::in_range<int>(wide)) return "a whole number of 32 bits";
  out = static_cast<int>(wide);
  return nullptr;
}

const char* take(const Json& value, uint64_t& out) {
  // A negative number is "integer" but not "unsigned"; a parsed 3 is unsigned, a built one may not
  // be.
  if (!value.is_number_integer() || (!value.is_number_unsigned() && value.get<int64_t>() < 0)) {
    return "a whole number that is not negative";
  }
  out = value.get<uint64_t>();
  return nullptr;
}

template <typename T>
const char* take(const Json& value, std::optional<T>& out) {
  out.reset();
  if (value.is_null()) return nullptr;
  return take(value, out.emplace());
}

}  // namespace

JsonFields::JsonFields(const Json& object, std::string what)
    : object_(object), what_(std::move(what)) {
  if (!object_.is_object()) error_ = usage_error(what_ + ": not a JSON object");
}

const Json* JsonFields::find(const char* key) {
  if (error_) return nullptr;
  const auto it = object_.find(key);
  if (it != object_.end()) return &*it;
  error_ = usage_error(what_ + ": missing key '" + key + "'");
  return nullptr;
}

void JsonFields::fail(const char* key, const std::string& message) {
  if (!error_) error_ = usage_error(what_ + ": key '" + key + "': " + message);
}

Status JsonFields::status() const { return error_ ? Status(*error_) : Status(); }

template <typename T>
void JsonFields::read(const char* key, T& out) {
  const Json* value = find(key);
  if (value == nullptr) return;
  if (const char* expected = take(*value, out)) {
    fail(key, std::string("not ") + expected + " but " + to_line(*value).substr(0, 60));
  }
}

void JsonFields::get(const char* key, std::string& out) { read(key, out); }
void JsonFields::get(const char* key, bool& out) { read(key, out); }
void JsonFields::get(const char* key, int& out) { read(key, out); }
void JsonFields::get(const char* key, int64_t& out) { read(key, out); }
void JsonFields::get(const char* key, uint64_t& out) { read(key, out); }
void JsonFields::get(const char* key, double& out) { read(key, out); }
void JsonFields::get(const char* key, std::optional<std::string>& out) { read(key, out); }
void JsonFields::get(const char* key, std::optional<bool>& out) { read(key, out); }
void JsonFields::get(const char* key, std::optional<int>& out) { read(key, out); }
void JsonFields::get(const char* key, std::optional<uint64_t>& out) { read(key, out); }
void JsonFields::get(const char* key, std::optional<double>& out) { read(key, out); }

}  // namespace corun
