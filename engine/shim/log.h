// CORUN_LOG=debug: a few lines on standard error. Silent otherwise.
#pragma once

namespace corun::shim {

[[gnu::format(printf, 1, 2)]] void log_debug(const char* format, ...);

}  // namespace corun::shim
