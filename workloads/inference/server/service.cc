#include "workloads/inference/server/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"

namespace corun::inference {

Status Service::add(MadeModel made) {
  std::optional<Served> served;
  if (auto* model = std::get_if<std::unique_ptr<Model>>(&made.model)) {
    auto server = std::make_unique<BatchServer>(std::move(*model), made.rules, clock_);
    served = server.get();
    models_.push_back(std::move(server));
  } else {
    auto server = std::make_unique<TextServer>(
        std::get<std::unique_ptr<TextModel>>(std::move(made.model)), made.rules.max_queue, clock_);
    served = server.get();
    models_.push_back(std::move(server));
  }
  const std::string& name = models_.back()->signature().name;
  if (by_name_.emplace(name, *served).second) return {};
  return usage_error(fmt::format("two models are called '{}'", one_line(name)),
                     "give one another name: --model NAME=KIND");
}

Status Service::start() {
  for (const auto& model : models_) CORUN_TRY(model->start());
  return {};
}

std::optional<Service::Served> Service::find(const std::string& name,
                                             const std::optional<std::string>& version) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  if (version && thread_of(found->second).signature().version != *version) return std::nullopt;
  return found->second;
}

ModelThread& Service::thread_of(const Served& served) {
  return std::visit([](auto* server) -> ModelThread& { return *server; }, served);
}

bool Service::ready() const {
  return std::all_of(models_.begin(), models_.end(),
                     [](const auto& model) { return model->ready(); });
}

void Service::begin_drain() {
  for (const auto& model : models_) model->begin_drain();
}

bool Service::drained(Instant until) {
  return std::all_of(models_.begin(), models_.end(),
                     [&](const auto& model) { return model->drained(until); });
}

uint64_t Service::unanswered() const {
  uint64_t requests = 0;
  for (const auto& model : models_) {
    requests += model->metrics().waiting + model->metrics().running;
  }
  return requests;
}

std::vector<ModelThread*> Service::models() const {
  std::vector<ModelThread*> all;
  for (const auto& model : models_) all.push_back(model.get());
  return all;
}

std::vector<NamedMetrics> Service::metrics() const {
  std::vector<NamedMetrics> all;
  for (const auto& model : models_) all.push_back({model->signature().name, &model->metrics()});
  return all;
}

}  // namespace corun::inference
