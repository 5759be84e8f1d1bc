#include "workloads/inference/torch/script.h"

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/script.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/json_fields.h"
#include "workloads/inference/torch/tensors.h"
#include "workloads/torch/caught.h"

namespace corun::inference {

namespace {

namespace jit = ::torch::jit;

/// A tensor, a tuple or a list of them. Errors (usage): anything else.
Result<std::vector<at::Tensor>> tensors_in(const c10::IValue& value) {
  if (value.isTensor()) return std::vector<at::Tensor>{value.toTensor()};
  if (value.isTensorList()) return value.toTensorVector();
  std::vector<at::Tensor> tensors;
  if (value.isTuple()) {
    for (const c10::IValue& element : value.toTuple()->elements()) {
      if (!element.isTensor()) break;
      tensors.push_back(element.toTensor());
    }
    if (!tensors.empty() && tensors.size() == value.toTuple()->elements().size()) return tensors;
  }
  return usage_error("its forward() gives neither a tensor nor a tuple of tensors");
}

class ScriptNetwork final : public Network {
 public:
  ScriptNetwork(jit::Module module, const NetworkPlan& plan, bool convert, Weights& weights)
      : module_(std::move(module)), convert_(convert), type_(weights.place().type) {
    for (const TensorSpec& spec : plan.outputs) types_.push_back(torch_type(spec.type).value());
    // Weights that were not made for inference alone cannot be exchanged for such.
    const c10::InferenceMode mode(false);
    if (convert_) {
      module_.to(weights.place().device, type_);
    } else {
      module_.to(weights.place().device);
    }
  }

  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs) override {
    std::vector<c10::IValue> given;
    for (const at::Tensor& input : inputs) {
      const bool converted = convert_ && at::isFloatingType(input.scalar_type());
      given.emplace_back(converted ? input.to(type_) : input);
    }
    std::vector<at::Tensor> outputs = tensors_in(module_.forward(given)).value();
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i] = outputs[i].to(types_[i]).contiguous();
    }
    return outputs;
  }

 private:
  jit::Module module_;
  bool convert_;
  at::ScalarType type_;
  std::vector<at::ScalarType> types_;
};

bool any_free(const std::vector<TensorSpec>& specs) {
  return std::any_of(specs.begin(), specs.end(), [](const TensorSpec& spec) {
    return std::find(spec.shape.begin(), spec.shape.end(), -1) != spec.shape.end();
  });
}

/// What it gives for zeros; sizes that are free are 1.
Result<std::vector<TensorSpec>> outputs_of(jit::Module& module, const ScriptOptions& options) {
  const c10::InferenceMode mode;
  std::vector<TensorSpec> specs = options.inputs;
  for (TensorSpec& spec : specs) std::replace(spec.shape.begin(), spec.shape.end(), -1L, 1L);
  std::vector<c10::IValue> zeros;
  for (const at::Tensor& input : host_tensors(specs, options.batched ? 1 : 0, false)) {
    zeros.emplace_back(input);
  }
  CORUN_ASSIGN(const std::vector<at::Tensor> found, tensors_in(module.forward(zeros)));
  std::vector<TensorSpec> outputs;
  for (const at::Tensor& output : found) {
    Shape shape = output.sizes().vec();
    if (options.batched && (shape.empty() || shape.front() != 1)) {
      return usage_error("the first size of its outputs is not that of its inputs",
                         "use max-batch=0 for a model without batches");
    }
    if (options.batched) shape.erase(shape.begin());
    if (any_free(options.inputs)) std::fill(shape.begin(), shape.end(), -1);
    CORUN_ASSIGN(const DataType type, protocol_type(output.scalar_type()));
    outputs.push_back({"OUTPUT" + std::to_string(outputs.size()), type, std::move(shape)});
  }
  return outputs;
}

Result<TensorSpec> read_spec(const Json& value, size_t number) {
  JsonFields in(value, fmt::format("input {}", number));
  TensorSpec spec{"INPUT" + std::to_string(number), DataType::kFp32, {}};
  std::string type;
  in.get("datatype", type);
  if (value.contains("name")) in.get("name", spec.name);
  if (value.contains("below")) in.get("below", spec.below);
  const Json* const shape = in.find("shape");
  CORUN_TRY(in.status());
  const auto known = data_type_of(type);
  if (!known || !torch_type(*known)) {
    in.fail("datatype", "LibTorch has no tensors of " + type);
    return in.status().error();
  }
  spec.type = *known;
  const bool whole = *known == DataType::kInt32 || *known == DataType::kInt64;
  if (spec.below < 0 || (spec.below > 0 && !whole))
    in.fail("below", "for INT32 and INT64, above 0");
  if (!shape->is_array()) in.fail("shape", "it is no list of sizes");
  for (const Json& size : *shape) {
    const bool fits = size.is_number_integer() && size >= -1 && size <= (int64_t{1} << 32);
    if (!fits) in.fail("shape", "a size is a whole number from 0 on, or -1");
    spec.shape.push_back(fits ? size.get<int64_t>() : 0);
  }
  CORUN_TRY(in.status());
  return spec;
}

}  // namespace

Result<std::vector<TensorSpec>> read_script_inputs(const std::filesystem::path& file) {
  CORUN_ASSIGN(const Json json, read_json_file(file));
  const auto wrong = [&](const std::string& what) {
    return usage_error(fmt::format("{}: {}", file.string(), what));
  };
  if (!json.is_object() || !json.contains("inputs") || !json["inputs"].is_array()) {
    return wrong("it has no list 'inputs'");
  }
  std::vector<TensorSpec> specs;
  for (const Json& one : json["inputs"]) {
    if (!one.is_object()) return wrong("an input is no object");
    const Result<TensorSpec> spec = read_spec(one, specs.size());
    if (!spec) return wrong(spec.error().text());
    specs.push_back(*spec);
  }
  return specs;
}

Result<NetworkPlan> script_plan(const ScriptOptions& given) {
  ScriptOptions options = given;
  std::filesystem::path beside = options.file;
  beside.replace_extension(".json");
  if (options.inputs.empty() && std::filesystem::exists(beside)) {
    CORUN_ASSIGN(options.inputs, read_script_inputs(beside));
  }
  if (options.inputs.empty()) options.inputs = {{"INPUT0", DataType::kFp32, {-1}}};
  if (!std::filesystem::is_regular_file(options.file)) {
    return usage_error(fmt::format("there is no file {}", options.file.string()));
  }
  return libtorch::caught(options.file.c_str(), [&]() -> Result<NetworkPlan> {
    jit::Module module = jit::load(options.file.string(), at::kCPU);
    module.eval();
    NetworkPlan plan{.inputs = options.inputs, .outputs = {}, .build = {}};
    CORUN_ASSIGN(plan.outputs, outputs_of(module, options));
    NetworkPlan known = plan;
    plan.build = [=, convert = options.convert](Weights& weights) -> std::unique_ptr<Network> {
      return std::make_unique<ScriptNetwork>(module, known, convert, weights);
    };
    return plan;
  });
}

}  // namespace corun::inference
