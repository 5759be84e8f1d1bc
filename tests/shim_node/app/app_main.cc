// A GPU program for tests: reads commands, one a line, and prints one line for each. It knows
// nothing of corun. Its kernels take test_burn's time and step its state array, so that a node that
// ran twice, not at all or in another place shows in the state.
#include <cstdio>
#include <functional>
#include <map>
#include <sstream>

#include "tests/simgpu_node/client/driver.h"
#include "tests/simgpu_node/client/more.h"

namespace corun::simgpu::testing {
namespace {

class App {
 public:
  std::string run(const std::string& command, std::istringstream& rest) {
    const auto found = commands_.find(command);
    return found == commands_.end() ? "unknown command" : found->second(rest);
  }

 private:
  static std::string text(cu::Code code) { return fmt::format("{}", static_cast<int>(code)); }
  static uint32_t number(std::istringstream& rest) {
    uint32_t value = 0;
    rest >> value;
    return value;
  }
  cu::Functions& driver() { return gpu_->driver; }
  cu::StreamHandle stream(uint32_t index) {
    cu::StreamHandle& one = streams_[{gpu_, index}];
    if (one == nullptr) driver().cuStreamCreate(&one, cu::kStreamNonBlocking);
    return one;
  }
  /// A stream by number, or one of the default streams.
  cu::StreamHandle stream(std::istringstream& rest) {
    std::string name;
    rest >> name;
    // NOLINTBEGIN(performance-no-int-to-ptr): as cuda.h has them
    if (name == "legacy") return nullptr;
    if (name == "per-thread") return reinterpret_cast<cu::StreamHandle>(cu::kPerThreadStreamValue);
    // NOLINTEND(performance-no-int-to-ptr)
    return stream(static_cast<uint32_t>(name.empty() ? 0 : name[0] - '0'));
  }

  /// One kernel of `us`, which steps the state with `addend`.
  cu::Code burn(uint32_t us, uint32_t addend, cu::StreamHandle on) {
    uint32_t words = Fixture::kWords;
    void* parameters[] = {&gpu_->state, &words, &addend, &us};
    return driver().cuLaunchKernel(gpu_->burn, 132, 1, 1, 1024, 1, 1, 0, on, parameters, nullptr);
  }

  /// A graph of `count` kernels, one behind the other, with the addends first, first + 1, ...
  cu::GraphHandle captured(uint32_t count, uint32_t us, uint32_t first) {
    cu::GraphHandle graph = nullptr;
    driver().cuStreamBeginCapture(stream(0U), cu::CaptureMode::kGlobal);
    for (uint32_t i = 0; i < count; ++i) burn(us, first + i, stream(0U));
    driver().cuStreamEndCapture(stream(0U), &graph);
    return graph;
  }
  cu::GraphNodeHandle node(uint32_t index) {
    size_t count = 0;
    driver().cuGraphGetNodes(graph_, nullptr, &count);
    std::vector<cu::GraphNodeHandle> nodes(count);
    driver().cuGraphGetNodes(graph_, nodes.data(), &count);
    return nodes.at(index);
  }

  /// start [GPU]: makes the GPU's primary context, and it current.
  std::string start(std::istringstream& rest) {
    const auto device = static_cast<cu::Device>(number(rest));
    std::unique_ptr<Fixture>& gpu = gpus_[device];
    if (!gpu) gpu = std::make_unique<Fixture>(device);
    gpu_ = gpu.get();
    driver().cuCtxSetCurrent(gpu_->context);
    return text(gpu_->code);
  }
  /// context GPU: a further context, in which one kernel runs; then the one before is current.
  std::string context(std::istringstream& rest) {
    cu::ContextHandle made = nullptr;
    cu::Code code = driver().cuCtxCreate(&made, 0, static_cast<cu::Device>(number(rest)));
    cu::ModuleHandle module = nullptr;
    cu::FunctionHandle step = nullptr;
    cu::DevicePtr state = 0;
    uint32_t words = Fixture::kWords;
    uint32_t addend = 1;
    void* parameters[] = {&state, &words, &addend};
    driver().cuModuleLoadData(&module, kPtx);
    driver().cuModuleGetFunction(&step, module, "test_step");
    driver().cuMemAlloc(&state, words * sizeof words);
    if (code == cu::Code::kSuccess) {
      code = driver().cuLaunchKernel(step, 1, 1, 1, 64, 1, 1, 0, nullptr, parameters, nullptr);
    }
    driver().cuCtxSynchronize();
    driver().cuCtxPopCurrent(&made);
    return text(code);
  }
  /// burn US STREAM: one kernel.
  std::string burn_one(std::istringstream& rest) {
    const uint32_t us = number(rest);
    return text(burn(us, 1, stream(rest)));
  }
  /// copy STREAM: some bytes inside the device.
  std::string copy(std::istringstream& rest) {
    return text(driver().cuMemcpyDtoDAsync(gpu_->state, gpu_->state + 64, 64, stream(rest)));
  }
  /// capture MODE: three kernels; how many nodes came of it.
  std::string capture(std::istringstream& rest) {
    std::string mode;
    rest >> mode;
    cu::GraphHandle graph = nullptr;
    cu::Code code = cu::Code::kSuccess;
    if (mode == "to-graph") {
      more_.cuGraphCreate(&graph, 0);
      code = more_.cuStreamBeginCaptureToGraph(stream(0U), graph, nullptr, nullptr, 0,
                                               cu::CaptureMode::kGlobal);
    } else {
      code = driver().cuStreamBeginCapture(stream(0U), static_cast<cu::CaptureMode>(mode[0] - '0'));
    }
    for (int i = 0; i < 3 && code == cu::Code::kSuccess; ++i) code = burn(100, 1, stream(0U));
    if (code == cu::Code::kSuccess) code = driver().cuStreamEndCapture(stream(0U), &graph);
    size_t nodes = 0;
    driver().cuGraphGetNodes(graph, nullptr, &nodes);
    return text(code) + " " + std::to_string(nodes);
  }
  /// words STREAM: a write of a word and a wait for it, in one batch of the program's own.
  std::string words(std::istringstream& rest) {
    cu::BatchMemoryOp operations[2] = {};
    operations[0].type = cu::BatchMemoryOpType::kWriteValue32;
    operations[1].type = cu::BatchMemoryOpType::kWaitValue32;
    for (cu::BatchMemoryOp& operation : operations) {
      operation.address = gpu_->state;
      operation.value = 77;
    }
    operations[1].flags = cu::kWaitValueEqual;
    return text(more_.cuStreamBatchMemOp(stream(rest), 2, operations, 0));
  }
  /// learn COUNT US: kernels outside of graphs, each waited for.
  std::string learn(std::istringstream& rest) {
    const uint32_t count = number(rest);
    const uint32_t us = number(rest);
    cu::Code code = cu::Code::kSuccess;
    for (uint32_t i = 0; i < count && code == cu::Code::kSuccess; ++i) {
      code = burn(us, 0, stream(0U));
      driver().cuStreamSynchronize(stream(0U));
    }
    driver().cuMemsetD32(gpu_->state, 0, Fixture::kWords);
    driver().cuCtxSynchronize();
    return text(code);
  }
  /// graph COUNT US WAY: captures a graph and instantiates it.
  std::string graph(std::istringstream& rest) {
    const uint32_t count = number(rest);
    const uint32_t us = number(rest);
    std::string way;
    rest >> way;
    us_ = us;
    graph_ = captured(count, us, 1);
    cu::GraphInstantiateParams params{};
    if (way == "v1") return text(more_.cuGraphInstantiate_v1(&exec_, graph_, nullptr, nullptr, 0));
    if (way == "v2") return text(more_.cuGraphInstantiate_v2(&exec_, graph_, nullptr, nullptr, 0));
    if (way == "params") return text(more_.cuGraphInstantiateWithParams(&exec_, graph_, &params));
    return text(driver().cuGraphInstantiate(&exec_, graph_, 0));
  }
  std::string drop_graph(std::istringstream&) { return text(driver().cuGraphDestroy(graph_)); }
  /// launch STREAM
  std::string launch(std::istringstream& rest) {
    return text(driver().cuGraphLaunch(exec_, stream(rest)));
  }
  /// query STREAM
  std::string query(std::istringstream& rest) { return text(driver().cuStreamQuery(stream(rest))); }
  std::string sync(std::istringstream&) { return text(driver().cuCtxSynchronize()); }
  std::string state(std::istringstream&) {
    driver().cuCtxSynchronize();
    return fmt::format("{}", gpu_->read_state());
  }
  /// set-node INDEX ADDEND WAY
  std::string set_node(std::istringstream& rest) {
    const cu::GraphNodeHandle changed = node(number(rest));
    uint32_t addend = number(rest);
    std::string way;
    rest >> way;
    uint32_t words = Fixture::kWords;
    void* parameters[] = {&gpu_->state, &words, &addend, &us_};
    cu::KernelNodeParams params{};
    more_.cuGraphKernelNodeGetParams(changed, &params);
    params.parameters = parameters;
    return text(way == "v1" ? more_.cuGraphExecKernelNodeSetParams_v1(exec_, changed, &params)
                            : more_.cuGraphExecKernelNodeSetParams(exec_, changed, &params));
  }
  /// enable INDEX 0|1
  std::string enable(std::istringstream& rest) {
    const cu::GraphNodeHandle changed = node(number(rest));
    return text(more_.cuGraphNodeSetEnabled(exec_, changed, number(rest)));
  }
  /// update COUNT FIRST: another graph for the executable.
  std::string update(std::istringstream& rest) {
    const uint32_t count = number(rest);
    const cu::GraphHandle other = captured(count, us_, number(rest));
    cu::GraphUpdateInfo info{};
    const cu::Code code = more_.cuGraphExecUpdate(exec_, other, &info);
    driver().cuGraphDestroy(other);
    return text(code);
  }
  std::string destroy(std::istringstream&) { return text(driver().cuGraphExecDestroy(exec_)); }

  using Command = std::function<std::string(std::istringstream&)>;
  Command of(std::string (App::*method)(std::istringstream&)) {
    return [this, method](std::istringstream& rest) { return (this->*method)(rest); };
  }

  cu::MoreFunctions more_;
  std::map<cu::Device, std::unique_ptr<Fixture>> gpus_;
  Fixture* gpu_ = nullptr;  ///< the current one
  std::map<std::pair<Fixture*, uint32_t>, cu::StreamHandle> streams_;
  cu::GraphHandle graph_ = nullptr;
  cu::GraphExecHandle exec_ = nullptr;
  uint32_t us_ = 0;
  const std::map<std::string, Command> commands_ = {
      {"start", of(&App::start)},     {"learn", of(&App::learn)},
      {"graph", of(&App::graph)},     {"launch", of(&App::launch)},
      {"query", of(&App::query)},     {"sync", of(&App::sync)},
      {"state", of(&App::state)},     {"set-node", of(&App::set_node)},
      {"enable", of(&App::enable)},   {"update", of(&App::update)},
      {"destroy", of(&App::destroy)}, {"drop-graph", of(&App::drop_graph)},
      {"context", of(&App::context)}, {"burn", of(&App::burn_one)},
      {"copy", of(&App::copy)},       {"capture", of(&App::capture)},
      {"words", of(&App::words)}};
};

int serve() {
  App app;
  char line[256];
  while (fgets(line, sizeof line, stdin) != nullptr) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    fmt::print("{}\n", app.run(command, words));
    fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace corun::simgpu::testing

int main() { return corun::simgpu::testing::serve(); }
