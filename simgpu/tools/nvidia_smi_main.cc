// nvidia-smi of a simulated node.
#include <fmt/format.h>

#include <cstdio>

#include "core/exit_code.h"
#include "simgpu/tools/smi.h"

int main(int argc, char** argv) {
  using namespace corun;
  const auto complain = [](const Error& error) {
    fmt::print(stderr, "nvidia-smi (simulated): {}\n", error.text());
    return static_cast<int>(exit_code(error.kind));
  };
  const auto request = simgpu::parse_smi({argv + 1, argv + argc});
  if (!request) return complain(request.error());
  const auto answer = simgpu::answer_smi(*request);
  if (!answer) return complain(answer.error());
  fmt::print("{}", *answer);
  return 0;
}
