// The fake driver's script: a text file named by CORUN_FAKE_DRIVER_SCRIPT, read anew at every call,
// so that a test may change it in between.
//
//   nvmlDeviceGetPowerUsage 350120      the answer: words, numbers, as the function needs them
//   nvmlDeviceGetPowerUsage !3          fails with code 3
//   nvmlDeviceGetPowerUsage hang        does not return as long as the script says so
//
// A function that the script does not name is not supported. A later line for a function replaces
// an earlier one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace corun::fake {

/// "12", "0x1b"; 0 for anything else.
uint64_t number_in(std::string_view text);

class Answer {
 public:
  /// Waits while the script says "hang".
  explicit Answer(const std::string& function);
  bool given() const { return given_; }
  /// The scripted code, 0 for an answer with values, `not_supported` where there is no line.
  int code(int not_supported) const { return given_ ? code_ : not_supported; }
  const std::vector<std::string>& words() const { return words_; }
  /// Word `i`, or nothing where the line is shorter.
  std::string word(size_t i) const { return i < words_.size() ? words_[i] : std::string(); }
  uint64_t number(size_t i) const { return number_in(word(i)); }
  /// The whole line, e.g. a name with blanks.
  std::string line() const;

 private:
  bool given_ = false;
  int code_ = 0;
  std::vector<std::string> words_;
};

/// Copies `text` into a driver's buffer, cut to its length.
void copy_text(const std::string& text, char* buffer, size_t length);

}  // namespace corun::fake
