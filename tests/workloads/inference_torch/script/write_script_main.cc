// Writes a TorchScript file for the tests: write_script FILE 'def forward(self, x): ...'. Its
// module has a parameter `weight` of 1, 2 and 3.
#include <torch/script.h>
#include <torch/torch.h>

#include <string>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  torch::jit::Module module("tested");
  module.register_parameter("weight", torch::arange(1.0, 4.0), /*is_buffer=*/false);
  module.define(std::string(argv[2]) + "\n");
  module.save(argv[1]);
  return 0;
}
