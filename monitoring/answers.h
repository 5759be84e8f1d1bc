// Answers of the live API (docs/live-api.md).
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"
#include "http/message.h"

namespace corun::monitoring {

http::Response json_answer(const Json& value, int status = 200);
/// {"schema":1,"error":{"what","todo"}}.
http::Response error_answer(int status, std::string_view what, std::string_view todo = {});
/// A usage error is a 400, anything else `status`.
http::Response error_answer(const Error& error, int status = 500);
/// An http::Refusal.
http::Response refusal_answer(int status, std::string_view text);
http::Response text_answer(std::string text, std::string_view content_type);

}  // namespace corun::monitoring
