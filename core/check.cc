#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace corun {

void check_failed(const char* file, int line, const char* condition, const std::string& detail) {
  std::fprintf(stderr, "corun: internal error: %s:%d: %s: %s\n", file, line, condition,
               detail.c_str());
  std::abort();
}

}  // namespace corun
