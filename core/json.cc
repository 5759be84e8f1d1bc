#include "core/json.h"

#include <nlohmann/json.hpp>

#include "core/files.h"

namespace corun {

Result<Json> parse_json(std::string_view text, std::string_view origin) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    return usage_error(std::string(origin) + ": not JSON: " + e.what());
  }
}

std::string to_line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Json> read_json_file(const std::filesystem::path& path) {
  CORUN_ASSIGN(std::string text, read_file(path));
  return parse_json(text, path.string());
}

}  // namespace corun
