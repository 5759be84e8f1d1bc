// Reading a JSON object field by field: the first wrong field is the error, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"

namespace corun {

/// JsonFields in(value, "row"); in.get("n", row.n); ...; CORUN_TRY(in.status());
/// After the first error all further reads do nothing. A key that is absent is an error, null is
/// nothing for an optional target and an error for any other. Unknown keys are ignored.
class JsonFields {
 public:
  /// `what` names the object in errors: "row: missing key 'n'".
  JsonFields(const Json& object, std::string what);

  void get(const char* key, std::string& out);
  void get(const char* key, bool& out);
  void get(const char* key, int& out);
  void get(const char* key, int64_t& out);
  void get(const char* key, uint64_t& out);
  void get(const char* key, double& out);
  void get(const char* key, std::optional<std::string>& out);
  void get(const char* key, std::optional<bool>& out);
  void get(const char* key, std::optional<int>& out);
  void get(const char* key, std::optional<uint64_t>& out);
  void get(const char* key, std::optional<double>& out);

  /// The value of `key`, or null: after an error, or when it is absent (which is then the error).
  const Json* find(const char* key);
  /// Makes `key` the error: "row: key 'n': MESSAGE". Keeps an earlier one.
  void fail(const char* key, const std::string& message);
  Status status() const;

 private:
  template <typename T>
  void read(const char* key, T& out);

  const Json& object_;
  std::string what_;
  std::optional<Error> error_;
};

}  // namespace corun
