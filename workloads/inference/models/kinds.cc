#include "workloads/inference/models/kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/text.h"
#include "workloads/inference/models/plain.h"
#include "workloads/inference/models/synthetic.h"

namespace corun::inference {

std::span<const ModelKind> model_kinds() {
  static const ModelKind kinds[] = {echo_kind(), add_kind(), repeat_kind(), synthetic_kind(),
                                    synthetic_text_kind()};
  return kinds;
}

const ModelKind* find_kind(const ModelSpec& spec, std::span<const ModelKind> kinds) {
  const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const ModelKind& k) {
    return k.name == spec.kind || (!k.file_ending.empty() && spec.kind.ends_with(k.file_ending));
  });
  return kind == kinds.end() ? nullptr : &*kind;
}

Result<MadeModel> make_model(ModelSpec spec, std::span<const ModelKind> kinds) {
  const ModelKind* const kind = find_kind(spec, kinds);
  if (kind == nullptr) {
    std::string known;
    for (const ModelKind& k : kinds) known += (known.empty() ? "" : ", ") + k.name;
    return usage_error(
        fmt::format("model '{}': there is no kind '{}'", one_line(spec.name), one_line(spec.kind)),
        "use one of " + known);
  }
  if (kind->name != spec.kind) spec.settings.emplace("file", std::exchange(spec.kind, kind->name));
  MadeModel made;
  Settings settings(spec);
  uint64_t max_batch = 8;
  uint64_t max_queue = made.rules.max_queue;
  settings.get_count("max-batch", max_batch, 0, 4096);
  settings.get_count("queue", max_queue, 1, 1'000'000);
  settings.get("delay", made.rules.max_delay);
  settings.get_counts("preferred", made.rules.preferred);
  made.rules.max_queue = max_queue;
  made.model = kind->make(spec, max_batch, settings);
  CORUN_TRY(settings.status());
  return made;
}

}  // namespace corun::inference
