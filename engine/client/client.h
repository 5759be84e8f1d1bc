// A connection to corund's control socket: one request, one reply, at a time. Whole protocol:
// docs/control-api.md.
#pragma once

#include <optional>
#include <string>

#include "core/clock.h"
#include "core/fd.h"
#include "engine/client/run_dir.h"
#include "engine/client/slices.h"
#include "engine/client/status.h"

namespace corun::client {

/// What an operator changes of a workload; what is not given stays.
struct WorkloadChange {
  std::string workload;  ///< "NAME", or "UID/NAME" for another user's
  std::optional<ServiceClass> service_class{};
  std::optional<double> weight{};                ///< above 0
  std::optional<double> min_share{};             ///< 0..1
  std::optional<double> max_share{};             ///< 0..1
  std::optional<uint64_t> memory_limit_bytes{};  ///< 0: none
  std::optional<double> latency_target_us{};     ///< 0: none
};

/// What is not given stays.
struct SettingsChange {
  std::optional<std::string> policy{};
  std::optional<uint32_t> linger_us{};
  std::optional<bool> learn_linger{};
  std::optional<bool> hold{};
  std::optional<double> quantum_ms{};
  std::optional<double> quota_window_ms{};
  std::optional<uint32_t> wait_every_us{};
  std::optional<uint32_t> preempted_slice_us{};
  std::optional<bool> gate_with_slices{};
  std::optional<double> max_burst_ms{};
  std::optional<double> park_idle_s{};     ///< 0: nobody is parked for being idle
  std::optional<double> memory_wait_s{};   ///< 0: allocations do not wait
  std::optional<double> longest_away_s{};  ///< 0: turns are as long as loses little
  std::optional<uint64_t> memory_reserve_bytes{};
  std::optional<uint64_t> memory_capacity_bytes{};  ///< 0: the GPU's
};

/// One thread at a time uses a Client. Every call's errors: those of the daemon as it said them
/// (usage, failed, unsupported); failed when it does not answer in time or its answer is no reply:
/// the connection is of no more use then.
class Client {
 public:
  /// Connects to the daemon of this GPU. Errors (failed): none runs there (with what to do).
  static Result<Client> connect(const std::filesystem::path& run_dir, const std::string& gpu_uuid);
  /// The only daemon below `run_dir`. Errors (failed): none runs; (usage) there are several, named.
  static Result<Client> connect_only(const std::filesystem::path& run_dir);

  Result<DaemonStatus> status();
  Status set(const WorkloadChange& change);
  /// Changes settings and returns those in force.
  Result<DaemonSettings> change_settings(const SettingsChange& change);
  /// Decisions about a workload ("": all) from number `since` on, oldest first.
  Result<Trace> trace(const std::string& workload, uint64_t since = 0);
  Result<Events> events(uint64_t since = 0);
  /// Who had the GPU when, from entry `since` on; of a workload, or of all ("").
  Result<Slices> slices(const std::string& workload, uint64_t since = 0);
  /// Moves a workload's GPU memory to host memory, and back; returns when it is done, which takes
  /// about a second per 1.5 GB (measured on an H100), at most `patience`. It comes back with its
  /// next GPU call, or (`until_resume`) only when it is resumed.
  Status park(const std::string& workload, bool until_resume = false,
              Nanos patience = std::chrono::minutes(5));
  Status resume(const std::string& workload, Nanos patience = std::chrono::minutes(5));
  /// Ends the daemon; returns when it has taken the order, not when it is gone.
  Status shutdown();

  /// Sends any request object and returns its reply object (`ok` is true).
  Result<Json> call(const Json& request, Nanos patience = std::chrono::seconds(1));

 private:
  Client(Fd fd, std::string where) : fd_(std::move(fd)), where_(std::move(where)) {}
  Result<std::string> read_line(Instant deadline);

  Fd fd_;
  std::string where_;   ///< the socket's path, for errors
  std::string buffer_;  ///< read, not yet returned
};

}  // namespace corun::client
