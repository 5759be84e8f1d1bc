// "--model NAME=KIND,KEY=VALUE,...": which model, under which name, with which settings.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "workloads/inference/serving/batch_queue.h"

namespace corun::inference {

struct ModelSpec {
  std::string name;
  std::string kind;
  std::map<std::string, std::string> settings;
};

/// "NAME=KIND", "KIND" (which is its name then), each with ",KEY=VALUE" after it.
/// Errors (usage): what is wrong with which part.
Result<ModelSpec> parse_model_spec(std::string_view text);

/// Reads settings by name; the first wrong one is the error, and one that nobody read is one too.
class Settings {
 public:
  explicit Settings(const ModelSpec& spec) : spec_(spec), unread_(spec.settings) {}

  /// Each leaves `out` as it is when the key is absent.
  void get(const std::string& key, std::string& out);
  void get(const std::string& key, Nanos& out);           ///< "5ms"
  void get_bytes(const std::string& key, uint64_t& out);  ///< "64MiB"
  void get_count(const std::string& key, uint64_t& out, uint64_t least, uint64_t most);
  /// "4:8"
  void get_counts(const std::string& key, std::vector<int64_t>& out);
  void fail(const std::string& key, const std::string& what);
  /// Whether all that was read so far is right.
  bool ok() const { return !error_; }
  /// To be called last. Errors (usage): the first wrong or unknown setting.
  Status status() const;

 private:
  const std::string* take(const std::string& key);

  const ModelSpec& spec_;
  std::map<std::string, std::string> unread_;
  std::optional<Error> error_;
};

}  // namespace corun::inference
