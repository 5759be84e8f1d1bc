#include "simgpu/driver/ptx.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace corun::simgpu::driver {

namespace {

constexpr uint32_t kMaxParameterBytes = 4096;

/// Splits PTX into words (names, directives, numbers) and single punctuation characters.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  /// The next word; empty at the end.
  std::string_view next() {
    skip_blanks();
    const size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (at_ == start && at_ < text_.size()) ++at_;
    return text_.substr(start, at_ - start);
  }
  int line() const { return line_; }

 private:
  static bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '$' ||
           c == '%';
  }
  void skip_blanks() {
    while (at_ < text_.size()) {
      if (text_[at_] == '\n') ++line_;
      if (std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        const size_t end = std::min(text_.find("*/", at_), text_.size());
        line_ += static_cast<int>(std::count(text_.begin() + static_cast<ptrdiff_t>(at_),
                                             text_.begin() + static_cast<ptrdiff_t>(end), '\n'));
        at_ = std::min(end + 2, text_.size());
      } else {
        return;
      }
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
};

std::optional<uint32_t> number(std::string_view word) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

/// Bytes of a scalar type such as ".u64"; nothing for other words.
std::optional<uint32_t> type_size(std::string_view word) {
  if (word.size() < 3 || word[0] != '.') return std::nullopt;
  if (word.find_first_not_of("usbf", 1) != 2) return std::nullopt;
  const std::optional<uint32_t> bits = number(word.substr(2));
  if (!bits || *bits < 8 || *bits > 64 || (*bits & (*bits - 1)) != 0) return std::nullopt;
  return *bits / 8;
}

Error bad(const Words& words, std::string_view what) {
  return failed(fmt::format("PTX line {}: {}", words.line(), what));
}

/// One `.param [.align N] .TYPE [.ptr ...] NAME[COUNT]`, behind the word ".param". `last` becomes
/// whether the list ends behind it.
Result<PtxParameter> parse_parameter(Words& words, uint32_t offset, bool& last) {
  std::optional<uint32_t> size;
  uint32_t align = 0;
  uint32_t count = 1;
  bool pointee = false;  // an .align behind .ptr is that of what the pointer points at
  std::string_view word = words.next();
  for (; word != "," && word != ")"; word = words.next()) {
    if (word.empty()) return bad(words, "the parameter list does not end");
    if (word == ".ptr") {
      pointee = true;
    } else if (word == ".align") {
      const auto value = number(words.next());
      if (!value || *value == 0 || *value > 128) return bad(words, "bad .align");
      if (!pointee) align = *value;
    } else if (word == "[") {
      const auto value = number(words.next());
      if (!value || *value > kMaxParameterBytes) return bad(words, "bad array size");
      count = *value;
    } else if (!size) {
      size = type_size(word);
    }
  }
  last = word == ")";
  if (!size) return bad(words, "a parameter without a type");
  if (align == 0) align = *size;
  const uint32_t start = (offset + align - 1) / align * align;
  if (start + *size * count > kMaxParameterBytes) return bad(words, "more than 4096 bytes");
  return PtxParameter{start, *size * count};
}

/// Behind ".entry": NAME, then perhaps "(" parameters ")".
Status parse_entry(Words& words, PtxModule& module) {
  const std::string name(words.next());
  if (name.empty()) return bad(words, ".entry without a name");
  std::vector<PtxParameter>& parameters = module.entries[name];
  if (words.next() != "(") return {};
  bool last = false;
  uint32_t offset = 0;
  while (!last) {
    const std::string_view word = words.next();
    if (word == ")") return {};
    if (word != ".param") return bad(words, "expected .param");
    CORUN_ASSIGN(const PtxParameter parameter, parse_parameter(words, offset, last));
    offset = parameter.offset + parameter.size;
    parameters.push_back(parameter);
  }
  return {};
}

/// "7.0" into two numbers.
bool parse_version(std::string_view word, PtxModule& module) {
  const size_t dot = word.find('.');
  if (dot == std::string_view::npos) return false;
  const auto major = number(word.substr(0, dot));
  const auto minor = number(word.substr(dot + 1));
  if (!major || !minor || *major > 99 || *minor > 99) return false;
  module.version_major = static_cast<int>(*major);
  module.version_minor = static_cast<int>(*minor);
  return true;
}

}  // namespace

Result<PtxModule> parse_ptx(std::string_view text) {
  PtxModule module;
  Words words(text);
  bool with_target = false;
  for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
    if (word == ".version") {
      if (!parse_version(words.next(), module)) return bad(words, "bad .version");
    } else if (word == ".target") {
      with_target = true;
    } else if (word == ".entry") {
      CORUN_TRY(parse_entry(words, module));
    }
  }
  if (module.version_major == 0) return failed("PTX without a .version");
  if (!with_target) return failed("PTX without a .target");
  return module;
}

}  // namespace corun::simgpu::driver
