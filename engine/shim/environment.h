// The environment, read as corun does everywhere: unset and empty mean the same.
#pragma once

#include <cstdint>

namespace corun::shim {

/// The variable's text, "" if it is unset; never null.
const char* environment(const char* variable);

/// The decimal number that a text begins with; 0 where there is none.
uint64_t number_in(const char* text);
/// The same of a variable.
uint64_t number_in_environment(const char* variable);

}  // namespace corun::shim
