// One workload of a running cell: its process, its row channel, and what it said so far. It judges
// itself: whatever it does against the protocol makes it failed, with the reason, and never more
// than that.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "benchmarking/mix.h"
#include "benchmarking/results_folder.h"
#include "benchmarking/tenant_container.h"
#include "benchmarking/void_rules.h"
#include "core/process.h"
#include "core/row_channel.h"

namespace corun::benchmarking {

/// Where and how a tenant is started.
struct TenantPlace {
  std::filesystem::path channel_dir;       ///< for its FIFOs; must exist
  std::filesystem::path log_file;          ///< its standard output and error
  std::map<std::string, std::string> env;  ///< of the node and the mode
  /// Put in front of what the workload would have there (Edits::prepend_env).
  std::map<std::string, std::string> prepend_env;
  /// What the workload has besides if its command runs a container.
  Edits container;
  std::vector<int> cpus;              ///< empty: all
  std::filesystem::path program_dir;  ///< where corun's own workloads are
};

/// What a tenant said, for the figures.
struct TenantRecord {
  std::optional<ReadyMessage> ready;
  std::vector<double> progress_t_us;     ///< after its window's start
  std::vector<uint64_t> progress_items;  ///< cumulative, as many
  RequestSamples requests;
  std::optional<DoneMessage> done;
  std::vector<std::string> notes;
};

class Tenant {
 public:
  enum class Phase { kStarting, kInitialised, kWarming, kReady, kRunning, kDone, kFailed };

  /// Starts the command. Errors (usage): its container would outlive it; others: it cannot be
  /// started (then nothing is left of it).
  static Result<Tenant> start(const TenantSpec& spec, const TenantPlace& place, Instant now);

  const std::string& name() const { return spec_.workload.name; }
  const TenantSpec& spec() const { return spec_; }
  Phase phase() const { return phase_; }
  Failure failure() const { return failure_; }
  const std::string& failure_text() const { return failure_text_; }
  const TenantRecord& record() const { return record_; }
  /// Whether it speaks the protocol; unknown ones count as silent until they spoke.
  bool speaks() const { return spec_.speaks == Speaks::kRows || spoke_; }
  /// Of its command and that one's descendants; and of its container, which may have another
  /// ancestor (dockerd).
  std::vector<int> pids() const;

  /// Descriptors to wait for; readable when pump() has news.
  std::vector<int> fds() const;
  /// Takes in what has come, without blocking.
  void pump(Instant now);

  // The phases that the harness drives. A tenant that cannot be told fails.
  void warm(const WarmCommand& command);
  void begin_window(const StartCommand& command);
  /// Ends the window of a silent tenant, which cannot say so itself. Precondition: !speaks().
  void end_silent_window();
  /// A silent command counts as ready now. Precondition: !speaks(), kStarting.
  void take_for_ready();
  /// Marks it as failed, unless it is already.
  void fail(Failure failure, std::string text);
  /// Tells it to end; wait with ended(), then destroy or kill().
  void stop();
  /// Whether its process has ended (pump() notices).
  bool ended() const { return exit_.has_value(); }
  /// Ends it, all its descendants and its container by force.
  void kill(Nanos grace);

 private:
  Tenant(TenantSpec spec, std::filesystem::path log_file, RowChannel channel, Process process,
         Instant started);
  void take(Message& message);
  void take_ready(const ReadyMessage& message);
  void take_progress(const ProgressMessage& message);
  void take_requests(RequestsMessage& message);
  void take_done(const DoneMessage& message);
  bool expect_window(int window, const char* what);
  void send(const Command& command);
  std::string last_words() const;

  TenantSpec spec_;
  std::filesystem::path log_file_;
  RowChannel channel_;
  Process process_;
  mutable std::optional<TenantContainer> container_;  ///< if its command runs one
  Instant started_;
  Phase phase_ = Phase::kStarting;
  bool spoke_ = false;
  bool taken_for_silent_ = false;
  bool stopping_ = false;
  int window_ = 0;
  Failure failure_ = Failure::kNone;
  std::string failure_text_;
  std::optional<ExitStatus> exit_;
  TenantRecord record_;
};

/// How long a tenant lived without progress inside [0, window_s]: the longest gap between two of
/// its progress lines, the window's ends included.
double longest_silence_s(const TenantRecord& record, double window_s);

}  // namespace corun::benchmarking
