// The harness's end of docs/row-protocol.md for one workload: two FIFOs, bounded and non-blocking,
// so that a workload that floods, stalls or writes garbage spoils its own cell and nothing else.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/fd.h"
#include "core/result.h"
#include "core/row_message.h"

namespace corun {

/// What one workload may write. A workload above them fails its channel.
struct RowLimits {
  size_t line_bytes = kMaxRowLine;
  double bytes_per_second = 8.0 * 1024 * 1024;  ///< sustained
  double burst_bytes = 16.0 * 1024 * 1024;      ///< above the sustained rate at any moment
  double lines_per_second = 2'000;              ///< sustained: parsing costs the harness per line
  double burst_lines = 4'000;
  uint64_t total_bytes = uint64_t{256} << 20;  ///< over the channel's life
};

/// A budget that refills at a constant rate; pure, the caller brings the time.
class RateBound {
 public:
  RateBound(double per_second, double burst, Instant now)
      : per_second_(per_second), burst_(burst), left_(burst), refilled_(now) {}
  /// False when `amount` exceeds what is left at `now`; nothing is taken then.
  bool take(double amount, Instant now);

 private:
  double per_second_;
  double burst_;
  double left_;
  Instant refilled_;
};

/// Cuts a byte stream into lines within RowLimits; no I/O of its own.
class RowBuffer {
 public:
  RowBuffer(RowLimits limits, Instant now);
  /// Adds bytes read at `now` and returns the messages they complete. After an error the buffer
  /// stays failed and holds no memory.
  Result<std::vector<Message>> add(std::string_view bytes, Instant now);
  /// At the workload's end: an error when the last line has no end.
  Status finish();

 private:
  Status charge(std::string_view bytes, Instant now);

  RowLimits limits_;
  std::string partial_;
  RateBound bytes_;
  RateBound lines_;
  uint64_t total_ = 0;
  std::optional<Error> error_;
};

class RowChannel {
 public:
  /// Makes DIR/WORKLOAD.rows and DIR/WORKLOAD.control (mode 0600), replacing older ones, and opens
  /// both. The folder must exist.
  static Result<RowChannel> create(const std::filesystem::path& dir, const std::string& workload,
                                   Instant now, RowLimits limits = {});
  RowChannel(RowChannel&& other) noexcept;
  RowChannel& operator=(RowChannel&& other) noexcept;
  RowChannel(const RowChannel&) = delete;
  RowChannel& operator=(const RowChannel&) = delete;
  /// Removes the FIFOs.
  ~RowChannel();

  const std::string& workload() const { return workload_; }
  /// CORUN_ROWS, CORUN_CONTROL and CORUN_WORKLOAD for the workload's environment.
  std::map<std::string, std::string> environment() const;
  /// For poll/epoll: readable when read() has news. It never reports an end of file: the workload's
  /// end is known from its process. -1 once the channel has failed.
  int fd() const { return rows_.get(); }

  /// Messages that have come, without blocking; reads at most 64 KiB a call, so that no workload
  /// starves the others. Errors (failed): garbage, an overlong line or a flood; the channel has
  /// failed for good then.
  Result<std::vector<Message>> read(Instant now);
  /// After the workload's end: everything that is still in the FIFO. Errors: as read(), and a last
  /// line without an end.
  Result<std::vector<Message>> drain(Instant now);
  /// Errors (failed): the workload does not read its control FIFO, which is full.
  Status send(const Command& command);
  /// Ends the workload's control input (end of file means stop).
  void close_control() { control_.reset(); }

 private:
  RowChannel(std::string workload, std::filesystem::path base, RowLimits limits, Instant now);
  Result<size_t> read_once(Instant now, std::vector<Message>* messages);

  std::string workload_;
  std::filesystem::path base_;  ///< empty in a moved-from channel
  Fd rows_;
  Fd control_;
  RowBuffer buffer_;
};

}  // namespace corun
