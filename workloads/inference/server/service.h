// All models of the server, by name.
#pragma once

#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "workloads/inference/models/kinds.h"
#include "workloads/inference/serving/batch_server.h"
#include "workloads/inference/serving/text_server.h"

namespace corun::inference {

/// Filled before it is used; from then on everything may be called from any thread.
class Service {
 public:
  explicit Service(const Clock& clock) : clock_(clock) {}

  /// Errors (usage): the name is taken.
  Status add(MadeModel made);
  /// Loads all, one after the other. Errors: the first model's.
  Status start();

  using Served = std::variant<BatchServer*, TextServer*>;
  /// Nothing: there is no such model, or not in this version.
  std::optional<Served> find(const std::string& name,
                             const std::optional<std::string>& version) const;
  static ModelThread& thread_of(const Served& served);

  bool ready() const;
  /// Takes no more requests; does not wait.
  void begin_drain();
  /// Waits until all requests that were taken are answered; false when `until` comes first.
  bool drained(Instant until);
  /// Requests that wait or run.
  uint64_t unanswered() const;
  std::vector<ModelThread*> models() const;
  std::vector<NamedMetrics> metrics() const;

 private:
  const Clock& clock_;
  std::vector<std::unique_ptr<ModelThread>> models_;
  std::map<std::string, Served> by_name_;
};

}  // namespace corun::inference
