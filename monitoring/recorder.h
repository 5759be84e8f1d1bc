// Writes what a board puts up to a file that can be played again: one JSON object a line,
//   {"hello": {"schema", "node"}}            first
//   {"t": T, "snapshot": {...}}              twice a second
//   {"t": T, "slices": [...]}, {"t": T, "events": [...]}   all of them
// T is unix time. A file whose name ends in .gz is compressed.
#pragma once

#include <filesystem>
#include <memory>

#include "core/result.h"
#include "monitoring/board.h"

namespace corun::monitoring {

class Recorder {
 public:
  /// Errors (failed): the file cannot be made, or is there already.
  static Result<std::unique_ptr<Recorder>> start(const std::filesystem::path& file, Board& board);
  /// Writes what waits, and ends the file.
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

 private:
  struct State;
  Recorder(std::unique_ptr<State> state, Board& board);
  std::unique_ptr<State> state_;
  Board& board_;
  int subscription_ = 0;
};

}  // namespace corun::monitoring
