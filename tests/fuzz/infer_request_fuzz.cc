// The body of an inference request: the first byte chooses how much of it is said to be JSON.
// What parses holds together, and is answered with what it asked for.
#include "tests/fuzz/fuzz.h"
#include "workloads/inference/protocol/infer_response.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun::inference;
  std::string_view body = corun::fuzz::text_of(data, size);
  std::optional<uint64_t> json_bytes;
  if (!body.empty()) {
    const auto cut = static_cast<uint8_t>(body.front());
    body.remove_prefix(1);
    // 255: no header. Otherwise so many bytes from the end are binary.
    if (cut != 255) json_bytes = body.size() < cut ? body.size() + 1 : body.size() - cut;
  }
  auto request = parse_infer_request(body, json_bytes);
  if (!request) {
    CORUN_CHECK(request.error().text().find('\n') == std::string::npos, "more than one line");
    return 0;
  }
  Signature model{.name = "m", .platform = "p", .inputs = {}, .outputs = {}};
  for (const Tensor& input : request->inputs) {
    const auto elements = element_count(input.shape);
    CORUN_CHECK(elements && check_bytes(input.type, *elements, input.bytes), "a whole tensor");
    model.outputs.push_back({input.name, input.type, input.shape});
    model.inputs.push_back(model.outputs.back());
  }
  if (!fit_to_model(model, *request)) return 0;
  const auto answer = infer_body(model, request->id, request->outputs, request->inputs);
  if (answer) CORUN_CHECK(answer->bytes.size() >= answer->json_bytes.value_or(0), "JSON first");
  return 0;
}
