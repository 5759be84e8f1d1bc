// corun-inference: see options.cc for its command line.
#include "workloads/inference/server/program.h"

int main(int argc, char** argv) {
  using namespace corun::inference;
  const std::span<const ModelKind> kinds = model_kinds();
  return run_server({.name = "corun-inference", .kinds = {kinds.begin(), kinds.end()}}, argc, argv);
}
