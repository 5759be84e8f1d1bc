// What the terminal view shows of a snapshot, and how keys change that. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/snapshot.h"
#include "monitoring/term/keys.h"

namespace corun::monitoring {

/// In the order in which `s` goes through them.
enum class SortKey { kMemory, kGpu, kWait, kName, kUser, kPid };
std::string_view to_string(SortKey key);  // "memory", "gpu", ...

/// A signal that waits for a yes.
struct Question {
  int pid = 0;
  std::string name{};
  double started = 0;  ///< so that another process of this PID is left alone
  bool operator==(const Question&) const = default;
};

struct ViewState {
  SortKey sort = SortKey::kMemory;
  bool tree = true;  ///< processes below their containers and workloads
  bool paused = false;
  bool help = false;
  bool typing = false;  ///< the filter
  std::string filter{};
  int chosen = 0;  ///< PID; 0: none
  std::optional<Question> question{};
  std::string message{};  ///< of the last order, until the next key
  std::string clock{};    ///< time of the snapshot as people read it
};

struct Action {
  enum class Kind { kNone, kQuit, kSuspend, kTerminate };
  Kind kind = Kind::kNone;
  Question target{};  ///< of kTerminate
};

/// What pressing `key` does.
Action press(ViewState& view, const Key& key, const Snapshot& snapshot);

/// A row of the table of processes: a heading of a container or workload (no process), or a
/// process.
struct ProcessRow {
  size_t depth = 0;
  std::string heading{};
  const Gpu* gpu = nullptr;
  const Process* process = nullptr;
};
/// Pointers are into `snapshot`.
std::vector<ProcessRow> process_rows(const Snapshot& snapshot, const ViewState& view);
/// Those that the filter lets through, sorted.
std::vector<const Workload*> workload_rows(const Snapshot& snapshot, const ViewState& view);

/// "prod/chat-7c9d5", "train-llm", or the short id.
std::string place_of(const Snapshot& snapshot, const std::string& short_id);
/// Whether `target` still is the process that was asked about.
bool is_still_there(const Snapshot& snapshot, const Question& target);

}  // namespace corun::monitoring
