// A mix: the workloads that share the GPU in one cell of a benchmark.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/model/workload.h"
#include "core/result.h"

namespace corun::benchmarking {

/// Whether a command speaks docs/row-protocol.md.
enum class Speaks {
  kRows,     ///< it does; a cell waits until it says that it is ready
  kNothing,  ///< silent: ready when its first GPU memory is seen, or after `ready_after`
  kUnknown,  ///< silent, unless it says `initialised` before it would be taken for ready
};

struct TenantSpec {
  WorkloadSpec workload;
  Speaks speaks = Speaks::kRows;
  std::optional<Nanos> ready_after;  ///< silent commands only
};

struct Mix {
  std::string name;  ///< [a-z0-9-]
  std::string description;
  std::vector<TenantSpec> tenants;

  int n() const { return static_cast<int>(tenants.size()); }
};

/// The built-in mix of `--workloads N`: train, infer, notebook, infer, train, ... (name "cycle-N").
/// `quick`: the notebook thinks and works in shorter turns, so that a short window holds several.
/// Precondition: n >= 1.
Mix cycle_mix(int n, bool quick = false);
/// `n` workloads that cycle through those of `mix`; its name becomes "NAME-N".
Mix repeated(const Mix& mix, int n);
/// `--tenant NAME=CMD`: CMD is split like a shell does, quotes included; nothing is expanded.
/// Errors (usage): no '=', a bad name, an empty command, an open quote.
Result<TenantSpec> tenant_from_argument(std::string_view argument,
                                        std::optional<Nanos> ready_after);
/// Words of a command line: blanks separate, '...' and "..." and \ quote. Errors (usage).
Result<std::vector<std::string>> split_command(std::string_view text);

/// A mix file (docs/mixes.md). Strict: unknown keys, wrong types and repeated names are errors
/// (usage) that begin with "FILE:LINE:COLUMN: ".
Result<Mix> load_mix(const std::filesystem::path& file);
Result<Mix> parse_mix(std::string_view yaml, std::string_view file);
/// `--mix FILE|NAME`: a path when it has a '/' or ends in .yaml, else NAME.yaml in one of the
/// folders. Errors (usage): not found, naming the mixes that there are.
Result<Mix> find_mix(std::string_view name, std::span<const std::filesystem::path> folders);

/// What makes two workloads the same when they run alone: command, environment and how it speaks.
std::string solo_identity(const TenantSpec& tenant);
/// All that defines the mix, for env.json and the check of --resume.
Json to_json(const Mix& mix);

}  // namespace corun::benchmarking
