#include "tests/gpu/fake/script.h"

#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "core/clock.h"
#include "core/environment.h"

namespace corun::fake {

namespace {

std::string script_path() { return environment("CORUN_FAKE_DRIVER_SCRIPT").value_or(""); }

std::optional<std::vector<std::string>> find(const std::string& function) {
  std::ifstream file(script_path());
  std::optional<std::vector<std::string>> found;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    if (!(words >> name) || name != function) continue;
    found.emplace();
    for (std::string word; words >> word;) found->push_back(word);
  }
  return found;
}

}  // namespace

Answer::Answer(const std::string& function) {
  auto words = find(function);
  while (words && !words->empty() && words->front() == "hang") {
    std::ofstream(script_path() + ".hanging");
    sleep_until(monotonic_now() + std::chrono::milliseconds(1));
    words = find(function);
  }
  if (!words) return;
  given_ = true;
  words_ = std::move(*words);
  if (!words_.empty() && words_[0][0] == '!')
    code_ = static_cast<int>(number_in(words_[0].substr(1)));
}

uint64_t number_in(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  return value;
}

std::string Answer::line() const {
  std::string text;
  for (const std::string& word : words_) text += (text.empty() ? "" : " ") + word;
  return text;
}

void copy_text(const std::string& text, char* buffer, size_t length) {
  std::strncpy(buffer, text.c_str(), length - 1);
  buffer[length - 1] = '\0';
}

}  // namespace corun::fake
