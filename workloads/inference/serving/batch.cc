#include "workloads/inference/serving/batch.h"

#include <fmt/format.h>

#include <numeric>

namespace corun::inference {

namespace {

/// Bytes that the first `count` elements take.
size_t bytes_of(DataType type, std::string_view bytes, uint64_t count) {
  if (type != DataType::kBytes) return count * element_bytes(type);
  size_t at = 0;
  for (uint64_t i = 0; i < count; ++i) at += kLengthBytes + length_at(bytes.substr(at));
  return at;
}

Error broken(const Signature& signature, const std::string& output, const std::string& what) {
  return failed(fmt::format("model '{}': output '{}': {}", signature.name, output, what));
}

Status check_output(const Signature& signature, const TensorSpec& spec, const Tensor& output,
                    int64_t rows) {
  Shape wanted = spec.shape;
  if (signature.max_batch > 0) wanted.insert(wanted.begin(), rows);
  if (output.name != spec.name || output.type != spec.type || !fits(wanted, output.shape)) {
    return broken(
        signature, spec.name,
        fmt::format("it gave '{}', {} {} instead of {} {}", output.name, name_of(output.type),
                    text_of(output.shape), name_of(spec.type), text_of(wanted)));
  }
  CORUN_ASSIGN(const uint64_t elements, element_count(output.shape));
  if (Status whole = check_bytes(output.type, elements, output.bytes); !whole) {
    return broken(signature, spec.name, whole.error().what);
  }
  return {};
}

}  // namespace

std::string batch_group(const Signature& signature, const InferRequest& request) {
  std::string group;
  if (signature.max_batch == 0) return group;
  for (const Tensor& input : request.inputs) {
    group += text_of(Shape(input.shape.begin() + 1, input.shape.end()));
  }
  return group;
}

std::vector<Tensor> joined(const Signature& signature, std::span<InferRequest* const> requests) {
  if (requests.size() == 1) return std::move(requests.front()->inputs);
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < signature.inputs.size(); ++i) {
    Tensor input = std::move(requests.front()->inputs[i]);
    size_t bytes = 0;
    for (const InferRequest* request : requests) bytes += request->inputs[i].bytes.size();
    input.bytes.reserve(bytes + input.bytes.size());
    for (const InferRequest* request : requests.subspan(1)) {
      input.bytes += request->inputs[i].bytes;
      input.shape.front() += request->inputs[i].shape.front();
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Result<std::vector<std::vector<Tensor>>> split(const Signature& signature,
                                               std::vector<Tensor> outputs,
                                               std::span<const int64_t> rows) {
  if (outputs.size() != signature.outputs.size()) {
    return failed(fmt::format("model '{}' gave {} outputs instead of {}", signature.name,
                              outputs.size(), signature.outputs.size()));
  }
  const int64_t all = std::accumulate(rows.begin(), rows.end(), int64_t{0});
  for (size_t i = 0; i < outputs.size(); ++i) {
    CORUN_TRY(check_output(signature, signature.outputs[i], outputs[i], all));
  }
  std::vector<std::vector<Tensor>> answers(rows.size());
  if (rows.size() == 1) {
    answers.front() = std::move(outputs);
    return answers;
  }
  for (const Tensor& output : outputs) {
    std::string_view left = output.bytes;
    uint64_t per_row = 1;
    for (size_t i = 1; i < output.shape.size(); ++i) {
      per_row *= static_cast<uint64_t>(output.shape[i]);
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      const size_t size = bytes_of(output.type, left, per_row * static_cast<uint64_t>(rows[i]));
      Tensor part{output.name, output.type, output.shape, std::string(left.substr(0, size))};
      part.shape.front() = rows[i];
      answers[i].push_back(std::move(part));
      left.remove_prefix(size);
    }
  }
  return answers;
}

}  // namespace corun::inference
