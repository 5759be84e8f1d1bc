// Keys as a terminal sends them.
#pragma once

#include <string>
#include <vector>

namespace corun::monitoring {

struct Key {
  enum class Kind {
    kText,  ///< `text`, one character
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kEnter,
    kEscape,
    kBackspace,
    kInterrupt,  ///< Ctrl-C
    kSuspend,    ///< Ctrl-Z
    kOther,
  };
  Kind kind = Kind::kOther;
  std::string text{};
  bool operator==(const Key&) const = default;
};

/// The keys at the front of `bytes`, which are taken out of it. A sequence that is not whole stays,
/// unless it is `final`: then nothing more comes, and a lone escape is the Escape key.
std::vector<Key> take_keys(std::string& bytes, bool final);

}  // namespace corun::monitoring
