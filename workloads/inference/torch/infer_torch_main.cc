// corun-infer-torch: the server with LibTorch's models beside its own (server/options.cc).
#include "workloads/inference/server/program.h"
#include "workloads/inference/torch/measure.h"
#include "workloads/inference/torch/torch_kinds.h"

int main(int argc, char** argv) {
  using namespace corun::inference;
  ServerProgram program{.name = "corun-infer-torch",
                        .defaults = {{"--device", "device"},
                                     {"--dtype", "dtype"},
                                     {"--size", "size"},
                                     {"--no-graph", "graph", "off"}},
                        .measure = measure_models};
  for (const ModelKind& kind : torch_kinds()) program.kinds.push_back(kind);
  for (const ModelKind& kind : model_kinds()) program.kinds.push_back(kind);
  return run_server(program, argc, argv);
}
