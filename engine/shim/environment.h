// The environment, read as corun does everywhere: unset and empty mean the same.
#pragma once

namespace corun::shim {

/// The variable's text, "" if it is unset; never null.
const char* environment(const char* variable);

}  // namespace corun::shim
