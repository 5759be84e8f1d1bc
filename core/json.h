// JSON values: nlohmann::json behind functions that return Result instead of throwing. Headers
// include <nlohmann/json_fwd.hpp> through this file; only .cc files that build values include
// <nlohmann/json.hpp>.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "core/result.h"

namespace corun {

using Json = nlohmann::json;

/// Parses one JSON text. `origin` names the source in the error ("FILE", "row 3 of tenant a").
Result<Json> parse_json(std::string_view text, std::string_view origin);
/// One line without a line feed; non-finite numbers become null; invalid UTF-8 is replaced.
std::string to_line(const Json& value);
/// Reads and parses a file. Errors name the path.
Result<Json> read_json_file(const std::filesystem::path& path);

}  // namespace corun
