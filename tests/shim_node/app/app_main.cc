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
    while (streams_.size() <= index) {
      streams_.emplace_back();
      driver().cuStreamCreate(&streams_.back(), cu::kStreamNonBlocking);
    }
    return streams_[index];
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
    driver().cuStreamBeginCapture(stream(0), cu::CaptureMode::kGlobal);
    for (uint32_t i = 0; i < count; ++i) burn(us, first + i, stream(0));
    driver().cuStreamEndCapture(stream(0), &graph);
    return graph;
  }
  cu::GraphNodeHandle node(uint32_t index) {
    size_t count = 0;
    driver().cuGraphGetNodes(graph_, nullptr, &count);
    std::vector<cu::GraphNodeHandle> nodes(count);
    driver().cuGraphGetNodes(graph_, nodes.data(), &count);
    return nodes.at(index);
  }

  std::string start(std::istringstream&) {
    gpu_ = std::make_unique<Fixture>();
    return text(gpu_->code);
  }
  /// learn COUNT US: kernels outside of graphs, each waited for.
  std::string learn(std::istringstream& rest) {
    const uint32_t count = number(rest);
    const uint32_t us = number(rest);
    cu::Code code = cu::Code::kSuccess;
    for (uint32_t i = 0; i < count && code == cu::Code::kSuccess; ++i) {
      code = burn(us, 0, stream(0));
      driver().cuStreamSynchronize(stream(0));
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
    return text(driver().cuGraphLaunch(exec_, stream(number(rest))));
  }
  /// query STREAM
  std::string query(std::istringstream& rest) {
    return text(driver().cuStreamQuery(stream(number(rest))));
  }
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
  std::unique_ptr<Fixture> gpu_;
  std::vector<cu::StreamHandle> streams_;
  cu::GraphHandle graph_ = nullptr;
  cu::GraphExecHandle exec_ = nullptr;
  uint32_t us_ = 0;
  const std::map<std::string, Command> commands_ = {
      {"start", of(&App::start)},     {"learn", of(&App::learn)},
      {"graph", of(&App::graph)},     {"launch", of(&App::launch)},
      {"query", of(&App::query)},     {"sync", of(&App::sync)},
      {"state", of(&App::state)},     {"set-node", of(&App::set_node)},
      {"enable", of(&App::enable)},   {"update", of(&App::update)},
      {"destroy", of(&App::destroy)}, {"drop-graph", of(&App::drop_graph)}};
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
