#include "benchmarking/tenant_container.h"

#include <fmt/format.h>

#include "containers/process_container.h"
#include "core/files.h"
#include "core/log.h"
#include "core/process.h"
#include "core/process_tree.h"
#include "core/text.h"

namespace corun::benchmarking {

std::optional<pid_t> TenantContainer::keeper() {
  if (id_.empty()) {
    id_ = read_file(id_file_).value_or("");
    while (id_.ends_with('\n')) id_.pop_back();
    if (id_.empty()) return std::nullopt;
  }
  if (keeper_ != 0 && containers::keeps_container("/proc", keeper_, id_)) return keeper_;
  const auto found = containers::keeper_of_container("/proc", id_);
  keeper_ = found.value_or(0);
  return found;
}

std::vector<pid_t> TenantContainer::pids() {
  const auto keeper_pid = keeper();
  return keeper_pid ? descendants_of(*keeper_pid) : std::vector<pid_t>{};
}

bool TenantContainer::kill(Nanos patience) {
  if (!keeper()) return false;
  ProcessOptions options;
  options.argv = engine_;
  options.set_env = env_;
  options.argv.insert(options.argv.end(), {"kill", id_});
  const auto killed = run_command(options, patience);
  // One that has ended meanwhile is no container to kill.
  if (killed && (killed->status.ok() || !keeper())) return true;
  log::warn("the container {} is left: {}", id_.substr(0, 12),
            killed ? one_line(killed->err) : killed.error().text());
  return false;
}

}  // namespace corun::benchmarking
