#include "monitoring/answers.h"

#include "core/json_values.h"
#include "monitoring/snapshot.h"

namespace corun::monitoring {

http::Response json_answer(const Json& value, int status) {
  http::Response response;
  response.status = status;
  response.body = to_line(value) + "\n";
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

http::Response error_answer(int status, std::string_view what, std::string_view todo) {
  return json_answer({{"schema", kLiveSchema}, {"error", {{"what", what}, {"todo", todo}}}},
                     status);
}

http::Response error_answer(const Error& error, int status) {
  return error_answer(error.kind == ErrorKind::kUsage ? 400 : status, error.what, error.todo);
}

http::Response refusal_answer(int status, std::string_view text) {
  return error_answer(status, text);
}

http::Response text_answer(std::string text, std::string_view content_type) {
  http::Response response;
  response.content_type = content_type;
  response.body = std::move(text);
  return response;
}

}  // namespace corun::monitoring
