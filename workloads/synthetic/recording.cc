#include "workloads/synthetic/recording.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/files.h"
#include "core/json.h"
#include "core/json_fields.h"
#include "core/nearest.h"

namespace corun::synthetic {

namespace {

constexpr char kRecordingFormat[] = "corun-recording";
constexpr double kMostTimeUs = 1e9;
constexpr uint64_t kMostBytes = uint64_t{1} << 36;
constexpr uint64_t kMostBlocks = uint64_t{1} << 40;
constexpr size_t kMostOps = 200'000;
constexpr size_t kOpColumns = 6;  // and two more where the launch is known
constexpr size_t kOpColumnsLaunched = 8;
constexpr char kWhereDescribed[] = "docs/profiles.md describes the format";

/// Where in the file the reader is, for its errors.
class RecordingReader {
 public:
  explicit RecordingReader(std::string_view origin) : origin_(origin) {}
  Result<Recording> read(const Json& root) const;

 private:
  Error error(std::string_view what) const {
    return usage_error(fmt::format("{}: {}", origin_, what), kWhereDescribed);
  }
  Result<RecordedGpu> gpu(const Json& value) const;
  Result<RecordedShape> shape(const Json& value, size_t index) const;
  Result<uint64_t> blocks_of(const Json& value, std::string_view where) const;
  Result<RecordedStep> step(const Json& value, size_t index, size_t shapes) const;
  Result<RecordedOp> op(const Json& value, const std::string& where, size_t shapes) const;
  Result<double> time(const Json& value, const std::string& where) const;
  /// Of two clocks that were matched: a little below 0 is no error.
  Result<double> offset(const Json& value, const std::string& where) const;
  Result<uint64_t> count(const Json& value, uint64_t most, const std::string& where) const;

  std::string_view origin_;
};

Result<double> RecordingReader::time(const Json& value, const std::string& where) const {
  const double us = value.is_number() ? value.get<double>() : -1;
  if (!std::isfinite(us) || us < 0 || us > kMostTimeUs) {
    return error(fmt::format("{}: not a time from 0 to {:g} us", where, kMostTimeUs));
  }
  return us;
}

Result<double> RecordingReader::offset(const Json& value, const std::string& where) const {
  const double us = value.is_number() ? value.get<double>() : kMostTimeUs + 1;
  if (std::isfinite(us) && std::abs(us) <= kMostTimeUs) return us;
  return error(fmt::format("{}: not an offset of up to {:g} us", where, kMostTimeUs));
}

Result<uint64_t> RecordingReader::count(const Json& value, uint64_t most,
                                        const std::string& where) const {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > most) {
    return error(fmt::format("{}: not a whole number up to {}", where, most));
  }
  return value.get<uint64_t>();
}

Result<RecordedGpu> RecordingReader::gpu(const Json& value) const {
  RecordedGpu gpu;
  JsonFields in(value, fmt::format("{}: gpu", origin_));
  in.get("name", gpu.name);
  uint64_t sms = 0;
  in.get("sm_count", sms);
  CORUN_TRY(in.status());
  if (sms < 1 || sms > 4096) return error("gpu: sm_count is not from 1 to 4096");
  gpu.sm_count = static_cast<uint32_t>(sms);
  const auto take = [&](const char* key, uint32_t& out) -> Status {
    const auto found = value.find(key);
    if (found == value.end() || found->is_null()) return {};
    CORUN_ASSIGN(const uint64_t read, count(*found, 1U << 24, fmt::format("gpu: {}", key)));
    if (read == 0) return error(fmt::format("gpu: {} is 0", key));
    out = static_cast<uint32_t>(read);
    return {};
  };
  CORUN_TRY(take("threads_per_sm", gpu.threads_per_sm));
  CORUN_TRY(take("registers_per_sm", gpu.registers_per_sm));
  CORUN_TRY(take("shared_memory_per_sm", gpu.shared_bytes_per_sm));
  return gpu;
}

/// The product of three numbers: a grid or a block.
Result<uint64_t> RecordingReader::blocks_of(const Json& value, std::string_view where) const {
  if (!value.is_array() || value.size() != 3) {
    return error(fmt::format("{}: not three numbers", where));
  }
  uint64_t product = 1;
  for (const Json& part : value) {
    CORUN_ASSIGN(const uint64_t size, count(part, uint64_t{1} << 31, std::string(where)));
    product *= size;
    if (product < 1 || product > kMostBlocks) return error(fmt::format("{}: no size", where));
  }
  return product;
}

Result<RecordedShape> RecordingReader::shape(const Json& value, size_t index) const {
  const std::string where = fmt::format("shape {}", index);
  if (!value.is_array() || value.size() != 5 || !value[0].is_string()) {
    return error(where + ": not [name, grid, block, shared memory, registers]");
  }
  RecordedShape shape;
  shape.name = value[0].get<std::string>();
  CORUN_ASSIGN(shape.grid_blocks, blocks_of(value[1], where + ": grid"));
  CORUN_ASSIGN(const uint64_t threads, blocks_of(value[2], where + ": block"));
  if (threads > 1024) return error(where + ": a block of more than 1024 threads");
  shape.block_threads = static_cast<uint32_t>(threads);
  CORUN_ASSIGN(const uint64_t shared, count(value[3], 1U << 24, where + ": shared memory"));
  CORUN_ASSIGN(const uint64_t registers, count(value[4], 1U << 10, where + ": registers"));
  shape.shared_bytes = static_cast<uint32_t>(shared);
  shape.registers = static_cast<uint32_t>(registers);
  return shape;
}

std::optional<OpKind> kind_of(const Json& kind, const Json& what) {
  if (kind == "k") return OpKind::kKernel;
  if (kind == "s") return OpKind::kSet;
  if (kind != "c") return std::nullopt;
  if (what == "h2d") return OpKind::kCopyIn;
  if (what == "d2h") return OpKind::kCopyOut;
  return OpKind::kCopyOnDevice;
}

Result<RecordedOp> RecordingReader::op(const Json& value, const std::string& where,
                                       size_t shapes) const {
  const size_t columns = value.is_array() ? value.size() : 0;
  if (columns != kOpColumns && columns != kOpColumnsLaunched) {
    return error(fmt::format("{}: not {} or {} columns", where, kOpColumns, kOpColumnsLaunched));
  }
  const std::optional<OpKind> kind = kind_of(value[0], value[1]);
  if (!kind) return error(where + ": neither k nor c nor s");
  RecordedOp op{.kind = *kind};
  if (op.kind == OpKind::kKernel) {
    if (shapes == 0) return error(where + ": there are no shapes");
    CORUN_ASSIGN(const uint64_t shape, count(value[1], shapes - 1, where + ": shape"));
    op.shape = static_cast<uint32_t>(shape);
  }
  CORUN_ASSIGN(op.bytes, count(value[2], kMostBytes, where + ": bytes"));
  CORUN_ASSIGN(op.start_us, offset(value[4], where + ": start"));
  CORUN_ASSIGN(op.duration_us, time(value[5], where + ": duration"));
  op.launch_us = op.start_us;
  if (columns == kOpColumnsLaunched) {
    CORUN_ASSIGN(op.launch_us, offset(value[6], where + ": launch"));
  }
  return op;
}

Result<RecordedStep> RecordingReader::step(const Json& value, size_t index, size_t shapes) const {
  const std::string where = fmt::format("step {}", index);
  JsonFields in(value, fmt::format("{}: {}", origin_, where));
  const Json* host = in.find("host");
  const Json* ops = in.find("ops");
  CORUN_TRY(in.status());
  RecordedStep step;
  if (!host->is_array() || host->size() != 2) return error(where + ": host: not two times");
  CORUN_ASSIGN(step.host_begin_us, time((*host)[0], where + ": host"));
  CORUN_ASSIGN(step.host_us, time((*host)[1], where + ": host"));
  if (!ops->is_array() || ops->size() > kMostOps) {
    return error(fmt::format("{}: ops: not an array of up to {}", where, kMostOps));
  }
  for (size_t i = 0; i < ops->size(); ++i) {
    CORUN_ASSIGN(RecordedOp read, op((*ops)[i], fmt::format("{}: op {}", where, i), shapes));
    step.ops.push_back(read);
  }
  const auto is_kernel = [](const RecordedOp& op) { return op.kind == OpKind::kKernel; };
  if (std::none_of(step.ops.begin(), step.ops.end(), is_kernel)) {
    return error(where + ": no kernel");
  }
  return step;
}

Result<Recording> RecordingReader::read(const Json& root) const {
  if (!root.is_object() || root.value("format", Json()) != kRecordingFormat ||
      root.value("version", Json()) != 1) {
    return error(fmt::format("not a {} of version 1", kRecordingFormat));
  }
  Recording recording;
  std::string kind, mode;
  uint64_t batch = 0;
  JsonFields in(root, std::string(origin_));
  in.get("name", recording.name);
  in.get("kind", kind);
  in.get("mode", mode);
  in.get("batch", batch);
  const Json* step_us = in.find("step_us");
  const Json* gpu_value = in.find("gpu");
  const Json* shapes = in.find("shapes");
  const Json* steps = in.find("steps");
  CORUN_TRY(in.status());
  if (kind != "inference" && kind != "training") return error("kind: not inference or training");
  if (mode != "graph" && mode != "eager") return error("mode: not graph or eager");
  if (batch < 1 || batch > (1U << 20)) return error("batch: not from 1 to 1048576");
  recording.kind = kind == "training" ? WorkloadKind::kTraining : WorkloadKind::kInference;
  recording.graph = mode == "graph";
  recording.batch = static_cast<uint32_t>(batch);
  CORUN_ASSIGN(recording.step_us, time(*step_us, "step_us"));
  if (recording.step_us <= 0) return error("step_us: is 0");
  CORUN_ASSIGN(recording.gpu, gpu(*gpu_value));
  if (!shapes->is_array()) return error("shapes: not an array");
  for (size_t i = 0; i < shapes->size(); ++i) {
    CORUN_ASSIGN(RecordedShape read, shape((*shapes)[i], i));
    recording.shapes.push_back(std::move(read));
  }
  if (!steps->is_array() || steps->empty()) return error("steps: none");
  for (size_t i = 0; i < steps->size(); ++i) {
    CORUN_ASSIGN(RecordedStep read, step((*steps)[i], i, recording.shapes.size()));
    recording.steps.push_back(std::move(read));
  }
  return recording;
}

std::vector<std::string> recordings_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<Recording> parse_recording(std::string_view text, std::string_view origin) {
  auto root = parse_json(text, origin);
  if (!root) return usage_error(root.error().what, kWhereDescribed);
  return RecordingReader(origin).read(*root);
}

Result<std::filesystem::path> find_recording(std::string_view name,
                                             const std::filesystem::path& folder) {
  if (name.find('/') != std::string_view::npos || name.ends_with(".json")) {
    return std::filesystem::path(name);
  }
  std::filesystem::path file = folder / fmt::format("{}.json", name);
  std::error_code error;
  if (std::filesystem::exists(file, error)) return file;
  const std::vector<std::string> names = recordings_in(folder);
  if (names.empty()) {
    return usage_error(fmt::format("no profile '{}': {} has none", name, folder.string()),
                       "record it on a GPU (docs/profiles.md) or give a file");
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto near = nearest(name, known);
  return usage_error(fmt::format("no profile '{}' in {}", name, folder.string()),
                     near ? fmt::format("did you mean '{}'?", *near)
                          : fmt::format("give a file, or one of: {}", fmt::join(names, ", ")));
}

Result<Recording> load_recording(std::string_view name, const std::filesystem::path& folder) {
  CORUN_ASSIGN(const std::filesystem::path file, find_recording(name, folder));
  auto text = read_file(file);
  if (!text) return usage_error(text.error().what, "give a recording that can be read");
  return parse_recording(*text, file.string());
}

}  // namespace corun::synthetic
