#include "simgpu/engine/costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace corun::simgpu {
namespace {

constexpr double kLongestCostUs = 3.6e9;  // 1 hour
constexpr double kMostBytes = 1e15;
constexpr uint32_t kMostParameterBytes = 4096;  // what cuLaunchKernel takes

struct TypeName {
  const char* name;
  ParameterType type;
  uint32_t size;
};

constexpr TypeName kTypes[] = {
    {"pointer", ParameterType::kPointer, 8}, {"u32", ParameterType::kU32, 4},
    {"i32", ParameterType::kI32, 4},         {"u64", ParameterType::kU64, 8},
    {"i64", ParameterType::kI64, 8},         {"f32", ParameterType::kF32, 4},
    {"f64", ParameterType::kF64, 8},
};

constexpr std::array<std::string_view, 3> kLaunchQuantities = {"blocks", "threads",
                                                               "total_threads"};

/// Where in a file a reader is, for its messages.
struct Place {
  std::string_view origin;
  std::string kernel;

  Error error(std::string_view what) const {
    return usage_error(fmt::format("{}: kernel \"{}\": {}", origin, kernel, what),
                       "the format is in docs/simulated-gpu.md");
  }
};

Status check_keys(const Json& object, std::initializer_list<std::string_view> known,
                  const Place& place, std::string_view where) {
  if (!object.is_object()) return place.error(fmt::format("{} must be an object", where));
  for (const auto& [key, unused] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return place.error(fmt::format("{}: \"{}\" is not known", where, key));
    }
  }
  return {};
}

Result<std::string> text_of(const Json& object, const char* key, const Place& place,
                            std::string_view where) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_string() || it->get_ref<const std::string&>().empty()) {
    return place.error(fmt::format("{}: \"{}\" must be a text that is not empty", where, key));
  }
  return it->get<std::string>();
}

Result<double> number_of(const Json& object, const char* key, const Place& place,
                         std::string_view where) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number()) {
    return place.error(fmt::format("{}: \"{}\" must be a number", where, key));
  }
  return it->get<double>();
}

Result<uint32_t> whole_number_of(const Json& object, const char* key, uint32_t most,
                                 const Place& place, std::string_view where) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_unsigned() || it->get<uint64_t>() > most) {
    return place.error(fmt::format("{}: \"{}\" must be a whole number up to {}", where, key, most));
  }
  return it->get<uint32_t>();
}

const TypeName* find_type(std::string_view name) {
  const auto* it = std::find_if(std::begin(kTypes), std::end(kTypes),
                                [&](const TypeName& type) { return name == type.name; });
  return it == std::end(kTypes) ? nullptr : it;
}

const KernelParameter* find_parameter(const KernelCost& cost, std::string_view name) {
  for (const KernelParameter& parameter : cost.parameters) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;
}

Status read_parameter(KernelCost& cost, const Json& value, const Place& place) {
  const std::string where = fmt::format("parameter {}", cost.parameters.size());
  CORUN_TRY(check_keys(value, {"name", "type", "offset"}, place, where));
  KernelParameter parameter;
  CORUN_ASSIGN(parameter.name, text_of(value, "name", place, where));
  CORUN_ASSIGN(const std::string type_name, text_of(value, "type", place, where));
  const TypeName* type = find_type(type_name);
  if (type == nullptr) {
    return place.error(fmt::format(
        "{}: type \"{}\" is not one of pointer, u32, i32, u64, i64, f32, f64", where, type_name));
  }
  const auto& names = kLaunchQuantities;
  if (find_parameter(cost, parameter.name) != nullptr ||
      std::find(names.begin(), names.end(), parameter.name) != names.end()) {
    return place.error(fmt::format("{}: the name \"{}\" is taken", where, parameter.name));
  }
  parameter.type = type->type;
  parameter.size = type->size;
  const uint32_t end = cost.parameter_bytes();
  parameter.offset = (end + type->size - 1) / type->size * type->size;
  if (value.contains("offset")) {
    CORUN_ASSIGN(parameter.offset,
                 whole_number_of(value, "offset", kMostParameterBytes, place, where));
    if (parameter.offset < end) {
      return place.error(fmt::format("{}: overlaps the one before it", where));
    }
  }
  if (parameter.offset + parameter.size > kMostParameterBytes) {
    return place.error(fmt::format("{}: beyond {} bytes", where, kMostParameterBytes));
  }
  cost.parameters.push_back(std::move(parameter));
  return {};
}

Result<CostFormula::Term> read_term(const Json& value, const KernelCost& cost, const Place& place,
                                    std::string_view where) {
  CORUN_TRY(check_keys(value, {"factor", "quantities"}, place, where));
  CostFormula::Term term;
  CORUN_ASSIGN(term.factor, number_of(value, "factor", place, where));
  const auto names = value.find("quantities");
  if (names == value.end() || !names->is_array() || names->empty()) {
    return place.error(fmt::format("{}: \"quantities\" must be an array of names", where));
  }
  for (const Json& name : *names) {
    if (!name.is_string()) return place.error(fmt::format("{}: a quantity is a name", where));
    const auto text = name.get<std::string>();
    const KernelParameter* parameter = find_parameter(cost, text);
    const bool of_launch = std::find(kLaunchQuantities.begin(), kLaunchQuantities.end(), text) !=
                           kLaunchQuantities.end();
    if (parameter == nullptr && !of_launch) {
      return place.error(fmt::format("{}: no parameter \"{}\"", where, text));
    }
    if (parameter != nullptr && parameter->type == ParameterType::kPointer) {
      return place.error(fmt::format("{}: \"{}\" is a pointer, not a number", where, text));
    }
    term.quantities.push_back(text);
  }
  return term;
}

Result<CostFormula> read_formula(const Json& value, const KernelCost& cost, const Place& place,
                                 std::string_view where) {
  CostFormula formula;
  if (value.is_number()) {
    formula.base = value.get<double>();
    return formula;
  }
  CORUN_TRY(check_keys(value, {"base", "terms"}, place, where));
  if (value.contains("base")) {
    CORUN_ASSIGN(formula.base, number_of(value, "base", place, where));
  }
  const auto terms = value.find("terms");
  if (terms == value.end()) return formula;
  if (!terms->is_array()) return place.error(fmt::format("{}: \"terms\" must be an array", where));
  for (const Json& item : *terms) {
    CORUN_ASSIGN(CostFormula::Term term, read_term(item, cost, place, where));
    formula.terms.push_back(std::move(term));
  }
  return formula;
}

Result<KernelEffect> read_effect(const Json& value, const KernelCost& cost, const Place& place) {
  CORUN_TRY(check_keys(value, {"name", "arguments"}, place, "effect"));
  KernelEffect effect;
  CORUN_ASSIGN(effect.name, text_of(value, "name", place, "effect"));
  const auto arguments = value.find("arguments");
  if (arguments == value.end() || !arguments->is_object()) {
    return place.error("effect: \"arguments\" must be an object");
  }
  for (const auto& [role, name] : arguments->items()) {
    const KernelParameter* parameter =
        name.is_string() ? find_parameter(cost, name.get_ref<const std::string&>()) : nullptr;
    if (parameter == nullptr) {
      return place.error(fmt::format("effect: \"{}\" must name a parameter", role));
    }
    effect.arguments[role] = static_cast<size_t>(parameter - cost.parameters.data());
  }
  return effect;
}

Result<KernelCost> read_cost(const Json& value, const Place& place) {
  CORUN_TRY(check_keys(
      value, {"source", "parameters", "block_us", "dram_bytes", "blocks_per_sm", "effect"}, place,
      "entry"));
  KernelCost cost;
  cost.name = place.kernel;
  CORUN_ASSIGN(cost.source, text_of(value, "source", place, "entry"));
  const auto parameters = value.find("parameters");
  if (parameters == value.end() || !parameters->is_array()) {
    return place.error("\"parameters\" must be an array");
  }
  for (const Json& item : *parameters) CORUN_TRY(read_parameter(cost, item, place));
  const auto block_us = value.find("block_us");
  if (block_us == value.end()) return place.error("\"block_us\" is missing");
  CORUN_ASSIGN(cost.block_us, read_formula(*block_us, cost, place, "block_us"));
  if (const auto bytes = value.find("dram_bytes"); bytes != value.end()) {
    CORUN_ASSIGN(cost.dram_bytes, read_formula(*bytes, cost, place, "dram_bytes"));
  }
  if (value.contains("blocks_per_sm")) {
    CORUN_ASSIGN(cost.blocks_per_sm, whole_number_of(value, "blocks_per_sm", 32, place, "entry"));
    if (*cost.blocks_per_sm == 0) return place.error("\"blocks_per_sm\" must be at least 1");
  }
  if (const auto effect = value.find("effect"); effect != value.end()) {
    CORUN_ASSIGN(cost.effect, read_effect(*effect, cost, place));
  }
  return cost;
}

template <typename T>
double load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<double>(value);
}

double parameter_value(const KernelParameter& parameter, std::span<const std::byte> buffer) {
  const std::byte* bytes = buffer.data() + parameter.offset;
  switch (parameter.type) {
    case ParameterType::kPointer:
      return 0;
    case ParameterType::kU32:
      return load<uint32_t>(bytes);
    case ParameterType::kI32:
      return load<int32_t>(bytes);
    case ParameterType::kU64:
      return load<uint64_t>(bytes);
    case ParameterType::kI64:
      return load<int64_t>(bytes);
    case ParameterType::kF32:
      return load<float>(bytes);
    case ParameterType::kF64:
      return load<double>(bytes);
  }
  return 0;
}

double quantity(const KernelCost& cost, std::string_view name, const LaunchShape& shape,
                std::span<const std::byte> parameters) {
  if (const KernelParameter* parameter = find_parameter(cost, name)) {
    return parameter_value(*parameter, parameters);
  }
  const auto blocks = static_cast<double>(shape.blocks);
  const auto threads = static_cast<double>(shape.threads_per_block);
  if (name == "blocks") return blocks;
  if (name == "threads") return threads;
  return blocks * threads;
}

double value_of(const KernelCost& cost, const CostFormula& formula, const LaunchShape& shape,
                std::span<const std::byte> parameters) {
  double sum = formula.base;
  for (const CostFormula::Term& term : formula.terms) {
    double product = term.factor;
    for (const std::string& name : term.quantities) {
      product *= quantity(cost, name, shape, parameters);
    }
    sum += product;
  }
  return sum;
}

}  // namespace

uint32_t KernelCost::parameter_bytes() const {
  return parameters.empty() ? 0 : parameters.back().offset + parameters.back().size;
}

Result<KernelWork> kernel_work(const KernelCost& cost, const LaunchShape& shape,
                               std::span<const std::byte> parameters, const Profile& profile) {
  if (parameters.size() < cost.parameter_bytes()) {
    return failed(fmt::format("kernel \"{}\": {} bytes of parameters, its cost entry has {}",
                              cost.name, parameters.size(), cost.parameter_bytes()));
  }
  const double us = value_of(cost, cost.block_us, shape, parameters);
  if (!(us >= 0 && us <= kLongestCostUs)) {
    return failed(fmt::format("kernel \"{}\": its cost entry gives a block {} us", cost.name, us));
  }
  const double bytes = value_of(cost, cost.dram_bytes, shape, parameters);
  if (!(bytes >= 0 && bytes <= kMostBytes)) {
    return failed(fmt::format("kernel \"{}\": its cost entry gives {} bytes", cost.name, bytes));
  }
  const auto threads = std::max<uint32_t>(shape.threads_per_block, 1);
  const auto by_threads = static_cast<uint32_t>(profile.max_threads_per_sm) / threads;
  const auto by_blocks = static_cast<uint32_t>(profile.max_blocks_per_sm);
  const uint32_t fit = std::min({by_threads, by_blocks, cost.blocks_per_sm.value_or(by_blocks)});
  return KernelWork{.blocks = shape.blocks,
                    .blocks_per_sm = std::max<uint32_t>(fit, 1),
                    .block_time = from_micros(us),
                    .dram_bytes = static_cast<uint64_t>(bytes)};
}

Status CostTable::add(const Json& value, std::string_view origin) {
  const Place file{origin, "*"};
  CORUN_TRY(check_keys(value, {"schema", "kernels"}, file, "file"));
  if (!value.contains("schema") || value["schema"] != 1) {
    return usage_error(fmt::format("{}: \"schema\" must be 1", origin));
  }
  if (!value.contains("kernels") || !value["kernels"].is_object()) {
    return usage_error(fmt::format("{}: \"kernels\" must be an object", origin));
  }
  for (const auto& [name, entry] : value["kernels"].items()) {
    const Place place{origin, name};
    if (kernels_.contains(name)) return place.error("has a cost entry already");
    CORUN_ASSIGN(KernelCost cost, read_cost(entry, place));
    kernels_.emplace(name, std::move(cost));
  }
  return {};
}

Status CostTable::add_file(const std::filesystem::path& path) {
  CORUN_ASSIGN(const Json value, read_json_file(path));
  return add(value, path.string());
}

const KernelCost* CostTable::find(std::string_view kernel) const {
  const auto it = kernels_.find(kernel);
  return it == kernels_.end() ? nullptr : &it->second;
}

}  // namespace corun::simgpu
