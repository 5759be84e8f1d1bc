#include "monitoring/term/keys.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace corun::monitoring {

namespace {

constexpr char kEsc = '\x1b';

/// What stands after "ESC [" or "ESC O" -> key.
constexpr std::array<std::pair<std::string_view, Key::Kind>, 12> kSequences{{
    {"A", Key::Kind::kUp},
    {"B", Key::Kind::kDown},
    {"C", Key::Kind::kRight},
    {"D", Key::Kind::kLeft},
    {"5~", Key::Kind::kPageUp},
    {"6~", Key::Kind::kPageDown},
    {"H", Key::Kind::kHome},
    {"F", Key::Kind::kEnd},
    {"1~", Key::Kind::kHome},
    {"4~", Key::Kind::kEnd},
    {"7~", Key::Kind::kHome},
    {"8~", Key::Kind::kEnd},
}};

/// Length of the sequence at the front of `bytes`; nothing when it is not whole.
std::optional<size_t> sequence_length(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  if (bytes[1] != '[' && bytes[1] != 'O') return 1;
  for (size_t i = 2; i < bytes.size(); ++i) {
    if (bytes[i] >= 0x40 && bytes[i] <= 0x7e) return i + 1;
  }
  return bytes.size() > 16 ? std::optional(bytes.size()) : std::nullopt;
}

Key::Kind kind_of_sequence(std::string_view sequence) {
  if (sequence.size() == 1) return Key::Kind::kEscape;
  for (const auto& [tail, kind] : kSequences) {
    if (sequence.substr(2) == tail) return kind;
  }
  return Key::Kind::kOther;
}

size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

Key::Kind kind_of_byte(char byte) {
  switch (byte) {
    case '\r':
    case '\n':
      return Key::Kind::kEnter;
    case '\x7f':
    case '\b':
      return Key::Kind::kBackspace;
    case '\x03':
      return Key::Kind::kInterrupt;
    case '\x1a':
      return Key::Kind::kSuspend;
    default:
      return static_cast<unsigned char>(byte) < 0x20 ? Key::Kind::kOther : Key::Kind::kText;
  }
}

}  // namespace

std::vector<Key> take_keys(std::string& bytes, bool final) {
  std::vector<Key> keys;
  while (!bytes.empty()) {
    size_t length = 1;
    Key key;
    if (bytes[0] == kEsc) {
      const auto whole = sequence_length(bytes);
      if (!whole && !final) break;
      length = whole.value_or(bytes.size());
      key.kind =
          whole || length == 1 ? kind_of_sequence(bytes.substr(0, length)) : Key::Kind::kOther;
    } else {
      key.kind = kind_of_byte(bytes[0]);
      length = utf8_length(bytes[0]);
      if (bytes.size() < length && !final) break;
      if (key.kind == Key::Kind::kText) key.text = bytes.substr(0, length);
    }
    bytes.erase(0, length);
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace corun::monitoring
