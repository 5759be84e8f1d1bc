// The kinds of models that the server knows, in one table: help, tests and docs follow it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <variant>

#include "workloads/inference/models/spec.h"
#include "workloads/inference/serving/model.h"

namespace corun::inference {

/// A model that is not loaded yet, and the rules of its queue.
struct MadeModel {
  std::variant<std::unique_ptr<Model>, std::unique_ptr<TextModel>> model;
  BatchRules rules;
};

struct ModelKind {
  std::string name;
  std::string about;     ///< one line
  std::string settings;  ///< "takes=TIME, ..."; those of the queue are every kind's
  /// Reads its own settings; their errors come from Settings::status() afterwards.
  std::function<std::variant<std::unique_ptr<Model>, std::unique_ptr<TextModel>>(
      const ModelSpec& spec, uint64_t max_batch, Settings& settings)>
      make;
  /// "--model NAME=FILE" is this kind, with the setting "file", when FILE ends so; empty: no file.
  std::string file_ending = {};
  bool takes_defaults = false;  ///< of the program (server/options.h)
};

std::span<const ModelKind> model_kinds();

/// The kind that the spec names, or whose file it names; null: none.
const ModelKind* find_kind(const ModelSpec& spec, std::span<const ModelKind> kinds);

/// Errors (usage): an unknown kind, or a wrong setting.
Result<MadeModel> make_model(ModelSpec spec, std::span<const ModelKind> kinds);

}  // namespace corun::inference
