// The web page and the reports, as answers.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "core/json.h"
#include "http/message.h"

namespace corun::monitoring {

/// The file of the page at this path ("/" is /index.html), or nothing. 304 when the client has it.
std::optional<http::Response> page_answer(const http::Request& request, std::string_view path);

/// The results folders below `results` that have a report, newest first.
Json list_reports(const std::filesystem::path& results);
/// A file of a results folder: "NAME/report.html". Nothing when there is no such file, or the path
/// leads out of `results`.
std::optional<http::Response> report_answer(const std::filesystem::path& results,
                                            std::string_view path);

}  // namespace corun::monitoring
