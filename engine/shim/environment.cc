#include "engine/shim/environment.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace corun::shim {

const char* environment(const char* variable) {
  const char* text = getenv(variable);
  return text == nullptr ? "" : text;
}

uint64_t number_in(const char* text) {
  uint64_t value = 0;
  std::from_chars(text, text + strlen(text), value);
  return value;
}

uint64_t number_in_environment(const char* variable) { return number_in(environment(variable)); }

}  // namespace corun::shim
