// gzip, through zlib.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace corun::monitoring {

/// Errors (failed): no gzip, cut off, or more than `limit` bytes.
Result<std::string> gunzip(std::string_view packed, size_t limit);
/// What a file that may have been cut off holds, up to the cut (`whole`: there is none). Errors
/// (failed): as gunzip, but for the cut.
Result<std::string> gunzip_up_to_cut(std::string_view packed, size_t limit, bool* whole);
std::string gzip(std::string_view text);

}  // namespace corun::monitoring
