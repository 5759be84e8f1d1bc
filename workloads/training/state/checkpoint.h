// The state of a training in a file: named tensors and a few words about them, in the safetensors
// format, which other tools read too (8 bytes of length, a JSON header, the tensors' bytes).
//   https://github.com/huggingface/safetensors#format
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "workloads/training/data/mapped_file.h"

namespace corun::training {

struct StateTensor {
  std::string name;
  std::string type;  ///< "F32", as the format calls it
  std::vector<int64_t> shape;
  std::string_view bytes;  ///< row-major, little endian
};

struct State {
  std::map<std::string, std::string> words;
  std::vector<StateTensor> tensors;
};

/// Writes beside `path` and renames: readers see the old state or the new one, whole.
/// Errors (failed): the system's reason.
Status write_checkpoint(const std::filesystem::path& path, const State& state);

/// A state in a file; its tensors' bytes are the file's.
class Checkpoint {
 public:
  /// Errors (failed): not readable; (usage): no such file format, cut off, or with tensors whose
  /// sizes are not those of their types and shapes.
  static Result<Checkpoint> open(const std::filesystem::path& path);
  const State& state() const { return state_; }
  /// One of its words as a number. Errors (usage): there is none.
  Result<uint64_t> number(const std::string& word) const;
  /// Nothing: there is none of this name.
  const StateTensor* find(std::string_view name) const;

 private:
  explicit Checkpoint(MappedFile file) : file_(std::move(file)) {}
  MappedFile file_;
  State state_;
};

}  // namespace corun::training
