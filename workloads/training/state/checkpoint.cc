#include "workloads/training/state/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/fd.h"
#include "core/json.h"

namespace corun::training {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxHeader = uint64_t{100} << 20;
constexpr size_t kMaxDimensions = 8;
constexpr char kWords[] = "__metadata__";

/// 0: an unknown type.
uint64_t bytes_of_type(std::string_view type) {
  if (type == "F64" || type == "I64") return 8;
  if (type == "F32" || type == "I32") return 4;
  if (type == "F16" || type == "BF16") return 2;
  return type == "U8" ? 1 : 0;
}

std::string header_of(const State& state) {
  Json header = Json::object();
  for (const auto& [key, value] : state.words) header[kWords][key] = value;
  uint64_t at = 0;
  for (const StateTensor& tensor : state.tensors) {
    header[tensor.name] = {{"dtype", tensor.type},
                           {"shape", tensor.shape},
                           {"data_offsets", {at, at + tensor.bytes.size()}}};
    at += tensor.bytes.size();
  }
  std::string text = to_line(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the tensors are aligned
  return text;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool write_state(int fd, const State& state) {
  const std::string header = header_of(state);
  const uint64_t size = header.size();
  if (!write_all(fd, {reinterpret_cast<const char*>(&size), sizeof size})) return false;
  if (!write_all(fd, header)) return false;
  for (const StateTensor& tensor : state.tensors) {
    if (!write_all(fd, tensor.bytes)) return false;
  }
  return fsync(fd) == 0;
}

/// Nothing: it is not as the format says.
std::optional<StateTensor> tensor_of(const std::string& name, const Json& value,
                                     std::string_view data) {
  StateTensor tensor{
      .name = name, .type = value.at("dtype"), .shape = value.at("shape"), .bytes = {}};
  const auto offsets = value.at("data_offsets").get<std::vector<uint64_t>>();
  uint64_t size = bytes_of_type(tensor.type);
  if (size == 0 || tensor.shape.size() > kMaxDimensions || offsets.size() != 2) return {};
  for (const int64_t side : tensor.shape) {
    if (side < 0 || __builtin_mul_overflow(size, static_cast<uint64_t>(side), &size)) return {};
  }
  if (offsets[0] > offsets[1] || offsets[1] > data.size()) return {};
  if (offsets[1] - offsets[0] != size) return {};
  tensor.bytes = data.substr(offsets[0], size);
  return tensor;
}

Result<State> parse_state(std::string_view bytes) {
  uint64_t size = 0;
  if (bytes.size() < sizeof size) return usage_error("it is cut off");
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  if (size > kMaxHeader) return usage_error("it is no safetensors file");
  if (size > bytes.size()) return usage_error("it is cut off");
  CORUN_ASSIGN(const Json header, parse_json(std::string(bytes.substr(0, size)), "its header"));
  if (!header.is_object()) return usage_error("its header is no JSON object");
  const std::string_view data = bytes.substr(size);
  State state;
  try {
    for (const auto& [name, value] : header.items()) {
      if (name == kWords) {
        state.words = value.get<std::map<std::string, std::string>>();
        continue;
      }
      auto tensor = tensor_of(name, value, data);
      if (!tensor) return usage_error("tensor '" + name + "' is cut off, or wrong");
      state.tensors.push_back(std::move(*tensor));
    }
  } catch (const Json::exception& error) {
    return usage_error(fmt::format("its header is not that of safetensors: {}", error.what()));
  }
  return state;
}

}  // namespace

Status write_checkpoint(const fs::path& path, const State& state) {
  const fs::path beside = path.string() + ".new";
  const Fd fd(open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  bool written = fd && write_state(fd.get(), state);
  written = written && rename(beside.c_str(), path.c_str()) == 0;
  if (written) return {};
  const int code = errno;
  unlink(beside.c_str());
  return failed(
      fmt::format("cannot write the checkpoint {}: {}", path.string(), std::strerror(code)));
}

Result<Checkpoint> Checkpoint::open(const fs::path& path) {
  CORUN_ASSIGN(MappedFile file, MappedFile::open(path));
  Checkpoint checkpoint(std::move(file));
  const auto bytes = checkpoint.file_.bytes();
  auto state = parse_state({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!state) {
    return usage_error(fmt::format("checkpoint {}: {}", path.string(), state.error().what));
  }
  checkpoint.state_ = std::move(*state);
  return checkpoint;
}

Result<uint64_t> Checkpoint::number(const std::string& word) const {
  const auto found = state_.words.find(word);
  uint64_t value = 0;
  if (found != state_.words.end()) {
    const char* const last = found->second.data() + found->second.size();
    const auto [end, code] = std::from_chars(found->second.data(), last, value);
    if (code == std::errc() && end == last) return value;
  }
  return usage_error(fmt::format("the checkpoint does not tell its {}", word));
}

const StateTensor* Checkpoint::find(std::string_view name) const {
  const auto found = std::find_if(state_.tensors.begin(), state_.tensors.end(),
                                  [&](const StateTensor& tensor) { return tensor.name == name; });
  return found == state_.tensors.end() ? nullptr : &*found;
}

}  // namespace corun::training
