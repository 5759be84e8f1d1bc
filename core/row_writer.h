// A C++ workload's end of docs/row-protocol.md.
#pragma once

#include <optional>
#include <string>

#include "core/clock.h"
#include "core/fd.h"
#include "core/result.h"
#include "core/row_message.h"

namespace corun {

/// Not thread-safe: one thread writes, one thread reads commands (they may differ).
class RowWriter {
 public:
  /// Opens CORUN_ROWS and CORUN_CONTROL (a path or a descriptor number). Without CORUN_ROWS the
  /// writer is silent. Errors (usage): a value that cannot be opened.
  static Result<RowWriter> from_environment();
  /// The same from given values; nothing = unset.
  static Result<RowWriter> open(std::optional<std::string> rows,
                                std::optional<std::string> control);

  /// Whether somebody listens. When not, write() does nothing and next_command() gives stop.
  bool speaking() const { return static_cast<bool>(rows_); }
  /// Writes one line (requests with many entries become several lines); blocks while the reader is
  /// behind. Errors (failed): the reader is gone.
  Status write(const Message& message);
  /// The next command; nothing on time-out; StopCommand at the end of the input.
  /// Errors (failed): a line that is not a command.
  Result<std::optional<Command>> next_command(Nanos timeout);
  /// For a workload that polls: readable when next_command(Nanos(0)) has news; -1 without one.
  int command_fd() const { return control_.get(); }

 private:
  Fd rows_;
  Fd control_;
  std::string partial_;
  bool ended_ = false;
};

}  // namespace corun
