#include "tests/gpu/fake/script.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

namespace corun::fake {

namespace {

std::optional<std::vector<std::string>> find(const std::string& function) {
  const char* path = std::getenv("CORUN_FAKE_DRIVER_SCRIPT");
  std::ifstream file(path == nullptr ? "" : path);
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
    std::ofstream(std::string(std::getenv("CORUN_FAKE_DRIVER_SCRIPT")) + ".hanging");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    words = find(function);
  }
  if (!words) return;
  given_ = true;
  words_ = std::move(*words);
  if (!words_.empty() && words_[0][0] == '!') code_ = std::atoi(words_[0].c_str() + 1);
}

uint64_t Answer::number(size_t i) const { return std::strtoull(word(i).c_str(), nullptr, 0); }

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
