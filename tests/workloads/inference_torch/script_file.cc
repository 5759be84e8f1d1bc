// Writes TorchScript files for the tests.
#include <torch/script.h>

#include <filesystem>
#include <string>

namespace corun::inference {

void write_script_file(const std::filesystem::path& path, const std::string& source) {
  torch::jit::Module module("tested");
  module.define(source + "\n");
  module.save(path.string());
}

}  // namespace corun::inference
