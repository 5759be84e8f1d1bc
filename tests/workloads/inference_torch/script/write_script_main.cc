// Writes a TorchScript file for the tests: write_script FILE 'def forward(self, x): ...'
#include <torch/script.h>

#include <string>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  torch::jit::Module module("tested");
  module.define(std::string(argv[2]) + "\n");
  module.save(argv[1]);
  return 0;
}
