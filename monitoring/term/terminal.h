// The terminal of this process as a screen of our own. However the program ends (return, signal,
// crash), the terminal is as it was before.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "monitoring/term/frame.h"
#include "monitoring/term/keys.h"

namespace corun::monitoring {

class Terminal {
 public:
  /// Takes the terminal of stdin and stdout. Errors (usage): they are none. At most one at a time.
  static Result<Terminal> open();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  Size size() const;
  /// Lets `lines` be all that is seen.
  void show(const std::vector<Line>& lines, bool color) const;
  /// Keys that come until `deadline`; at once when there are some. A signal, a new size too, and
  /// `other_fd` when it is readable end the wait.
  std::vector<Key> keys(Instant deadline, int other_fd);
  /// Whether nobody is at the other end any more.
  bool hung_up() const { return hung_up_; }
  /// Gives the terminal back, stops this process (Ctrl-Z), and takes it again when it continues.
  void suspend();

 private:
  Terminal() = default;

  std::string bytes_;  ///< read, and not a whole key so far
  bool hung_up_ = false;
  bool owned_ = true;
};

}  // namespace corun::monitoring
