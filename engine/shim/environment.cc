#include "engine/shim/environment.h"

#include <cstdlib>

namespace corun::shim {

const char* environment(const char* variable) {
  const char* text = getenv(variable);
  return text == nullptr ? "" : text;
}

}  // namespace corun::shim
