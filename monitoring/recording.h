// A recording, read (recorder.h tells its form).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/result.h"
#include "monitoring/history.h"
#include "monitoring/readings.h"

namespace corun::monitoring {

class Recording {
 public:
  /// Reads the whole file. One that was cut off is read up to the cut. Errors (failed): it cannot
  /// be read; (usage): it is no recording, or holds no snapshot; names the line.
  static Result<Recording> read(const std::filesystem::path& file);
  static Result<Recording> parse(std::string text, const std::string& name, bool whole);

  const std::string& name() const { return name_; }
  bool truncated() const { return truncated_; }
  size_t size() const { return entries_.size(); }
  double time(size_t index) const { return entries_[index].t; }
  /// The entry that is shown at time `t`: the last one not after it, else the first.
  size_t index_at(double t) const;
  /// A snapshot, with blocks and events since the one before. Errors (usage): a damaged line.
  Result<News> news(size_t index) const;
  /// Puts everything into a history. Errors (usage): a damaged line.
  Status fill(History& history) const;

 private:
  struct Line {
    size_t begin = 0;
    size_t length = 0;
  };
  struct Entry {
    double t = 0;
    Line snapshot;
    std::vector<Line> others;  ///< slices and events before it
  };
  Status add_line(size_t begin, size_t length, size_t number, std::vector<Line>* others);
  std::string_view text_of(const Line& line) const {
    return std::string_view(text_).substr(line.begin, line.length);
  }

  std::string name_;
  std::string text_;
  bool truncated_ = false;
  std::vector<Entry> entries_;
};

}  // namespace corun::monitoring
