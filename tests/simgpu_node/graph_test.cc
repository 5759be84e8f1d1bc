// Graphs of the drop-in driver that are built, cloned and changed by calls.
#include <set>

#include "tests/simgpu_node/client/more.h"
#include "tests/simgpu_node/drop_in_fixture.h"

namespace corun::simgpu::testing {
namespace {

using cu::Code;
using Edge = std::pair<cu::GraphNodeHandle, cu::GraphNodeHandle>;

class GraphsOfTheDropIn : public DropIn {
 public:
  /// A kernel that steps the state with `addend`.
  cu::KernelNodeParams step(uint32_t& addend) {
    parameters_[0] = &gpu_->state;
    parameters_[1] = &words_;
    parameters_[2] = &addend;
    return {.function = gpu_->step,
            .grid_x = 1,
            .grid_y = 1,
            .grid_z = 1,
            .block_x = 64,
            .block_y = 1,
            .block_z = 1,
            .dynamic_shared_bytes = 0,
            .parameters = parameters_,
            .extra = nullptr,
            .kernel = nullptr,
            .context = nullptr};
  }
  cu::GraphNodeHandle add_step(cu::GraphHandle graph, uint32_t addend,
                               std::vector<cu::GraphNodeHandle> after = {}) {
    const cu::KernelNodeParams params = step(addend);
    cu::GraphNodeHandle node = nullptr;
    EXPECT_EQ(more.cuGraphAddKernelNode(&node, graph, after.data(), after.size(), &params),
              Code::kSuccess);
    return node;
  }
  cu::GraphHandle made() {
    cu::GraphHandle graph = nullptr;
    EXPECT_EQ(more.cuGraphCreate(&graph, 0), Code::kSuccess);
    return graph;
  }
  cu::GraphExecHandle instantiated(cu::GraphHandle graph) {
    cu::GraphExecHandle exec = nullptr;
    EXPECT_EQ(driver().cuGraphInstantiate(&exec, graph, 0), Code::kSuccess);
    return exec;
  }
  uint32_t result_of(cu::GraphExecHandle exec) {
    driver().cuMemsetD32Async(gpu_->state, 0, Fixture::kWords, gpu_->stream);
    EXPECT_EQ(driver().cuGraphLaunch(exec, gpu_->stream), Code::kSuccess);
    return gpu_->read_state();
  }
  std::vector<cu::GraphNodeHandle> nodes_of(cu::GraphHandle graph) {
    size_t count = 0;
    EXPECT_EQ(driver().cuGraphGetNodes(graph, nullptr, &count), Code::kSuccess);
    std::vector<cu::GraphNodeHandle> nodes(count);
    EXPECT_EQ(driver().cuGraphGetNodes(graph, nodes.data(), &count), Code::kSuccess);
    return nodes;
  }
  std::set<Edge> edges_of(cu::GraphHandle graph) {
    size_t count = 0;
    EXPECT_EQ(more.cuGraphGetEdges(graph, nullptr, nullptr, &count), Code::kSuccess);
    std::vector<cu::GraphNodeHandle> from(count);
    std::vector<cu::GraphNodeHandle> to(count);
    EXPECT_EQ(more.cuGraphGetEdges(graph, from.data(), to.data(), &count), Code::kSuccess);
    std::set<Edge> edges;
    for (size_t i = 0; i < count; ++i) edges.emplace(from[i], to[i]);
    return edges;
  }
  static uint32_t steps(const std::vector<uint32_t>& addends) {
    uint32_t word = 0;
    for (const uint32_t addend : addends) word = stepped(word, addend, 1);
    return word;
  }

  cu::MoreFunctions more;

 private:
  uint32_t words_ = Fixture::kWords;
  void* parameters_[3] = {};
};

TEST_F(GraphsOfTheDropIn, NodesRunBehindWhatTheyWaitFor) {
  const cu::GraphHandle graph = made();
  const cu::GraphNodeHandle last = add_step(graph, 3);
  const cu::GraphNodeHandle first = add_step(graph, 1);
  const cu::GraphNodeHandle middle = add_step(graph, 2, {first});
  ASSERT_EQ(more.cuGraphAddDependencies(graph, &middle, &last, 1), Code::kSuccess);
  EXPECT_EQ(edges_of(graph), (std::set<Edge>{{first, middle}, {middle, last}}));
  EXPECT_EQ(result_of(instantiated(graph)), steps({1, 2, 3}));
  ASSERT_EQ(more.cuGraphRemoveDependencies(graph, &middle, &last, 1), Code::kSuccess);
  EXPECT_EQ(result_of(instantiated(graph)), steps({3, 1, 2}));
  EXPECT_EQ(more.cuGraphRemoveDependencies(graph, &middle, &last, 1), Code::kInvalidValue);
  EXPECT_EQ(more.cuGraphDestroyNode(first), Code::kSuccess);
  EXPECT_EQ(result_of(instantiated(graph)), steps({3, 2}));
}

TEST_F(GraphsOfTheDropIn, ACycleIsNotInstantiated) {
  const cu::GraphHandle graph = made();
  const cu::GraphNodeHandle first = add_step(graph, 1);
  const cu::GraphNodeHandle second = add_step(graph, 2, {first});
  ASSERT_EQ(more.cuGraphAddDependencies(graph, &second, &first, 1), Code::kSuccess);
  cu::GraphExecHandle exec = nullptr;
  EXPECT_EQ(driver().cuGraphInstantiate(&exec, graph, 0), Code::kInvalidValue);
}

TEST_F(GraphsOfTheDropIn, ACaptureKnowsWhatWaitsForWhat) {
  cu::StreamHandle other = nullptr;
  cu::EventHandle forked = nullptr;
  cu::EventHandle joined = nullptr;
  cu::GraphHandle graph = nullptr;
  driver().cuStreamCreate(&other, cu::kStreamNonBlocking);
  driver().cuEventCreate(&forked, cu::kEventDisableTiming);
  driver().cuEventCreate(&joined, cu::kEventDisableTiming);
  ASSERT_EQ(driver().cuStreamBeginCapture(gpu_->stream, cu::CaptureMode::kGlobal), Code::kSuccess);
  gpu_->launch_step(1);
  driver().cuEventRecord(forked, gpu_->stream);
  ASSERT_EQ(driver().cuStreamWaitEvent(other, forked, 0), Code::kSuccess);
  gpu_->launch_step(2);
  gpu_->launch_step(3, other);
  driver().cuEventRecord(joined, other);
  ASSERT_EQ(driver().cuStreamWaitEvent(gpu_->stream, joined, 0), Code::kSuccess);
  gpu_->launch_step(4);
  ASSERT_EQ(driver().cuStreamEndCapture(gpu_->stream, &graph), Code::kSuccess);
  const auto node = nodes_of(graph);
  ASSERT_EQ(node.size(), 4U);
  EXPECT_EQ(edges_of(graph),
            (std::set<Edge>{
                {node[0], node[1]}, {node[0], node[2]}, {node[1], node[3]}, {node[2], node[3]}}));
}

TEST_F(GraphsOfTheDropIn, ACaptureGoesOnWithAGraph) {
  cu::GraphHandle graph = made();
  const cu::GraphNodeHandle first = add_step(graph, 1);
  cu::GraphHandle ended = nullptr;
  ASSERT_EQ(more.cuStreamBeginCaptureToGraph(gpu_->stream, graph, &first, nullptr, 1,
                                             cu::CaptureMode::kRelaxed),
            Code::kSuccess);
  gpu_->launch_step(2);
  ASSERT_EQ(driver().cuStreamEndCapture(gpu_->stream, &ended), Code::kSuccess);
  EXPECT_EQ(ended, graph);
  EXPECT_EQ(result_of(instantiated(graph)), steps({1, 2}));
}

TEST_F(GraphsOfTheDropIn, AClonesNodesAreItsOwn) {
  const cu::GraphHandle graph = made();
  const cu::GraphNodeHandle node = add_step(graph, 1);
  cu::GraphHandle clone = nullptr;
  cu::GraphNodeHandle copy = nullptr;
  ASSERT_EQ(more.cuGraphClone(&clone, graph), Code::kSuccess);
  ASSERT_EQ(more.cuGraphNodeFindInClone(&copy, node, clone), Code::kSuccess);
  EXPECT_NE(copy, node);
  uint32_t addend = 9;
  const cu::KernelNodeParams params = step(addend);
  ASSERT_EQ(more.cuGraphKernelNodeSetParams(copy, &params), Code::kSuccess);
  EXPECT_EQ(result_of(instantiated(graph)), steps({1}));
  EXPECT_EQ(result_of(instantiated(clone)), steps({9}));
  EXPECT_EQ(driver().cuGraphDestroy(graph), Code::kSuccess);
  EXPECT_EQ(result_of(instantiated(clone)), steps({9}));
}

TEST_F(GraphsOfTheDropIn, KernelsCanBeAskedAndChangedInTheExecutableAlone) {
  const cu::GraphHandle graph = made();
  const cu::GraphNodeHandle node = add_step(graph, 5);
  cu::KernelNodeParams found{};
  ASSERT_EQ(more.cuGraphKernelNodeGetParams(node, &found), Code::kSuccess);
  EXPECT_EQ(found.function, gpu_->step);
  EXPECT_EQ(found.block_x, 64U);
  EXPECT_EQ(*static_cast<uint32_t*>(found.parameters[2]), 5U);
  const cu::GraphExecHandle exec = instantiated(graph);
  uint32_t addend = 6;
  const cu::KernelNodeParams params = step(addend);
  ASSERT_EQ(more.cuGraphExecKernelNodeSetParams(exec, node, &params), Code::kSuccess);
  EXPECT_EQ(result_of(exec), steps({6}));
  EXPECT_EQ(result_of(instantiated(graph)), steps({5}));
}

TEST_F(GraphsOfTheDropIn, ChangesDoNotReachLaunchesInFlight) {
  const cu::GraphHandle graph = made();
  const cu::GraphNodeHandle node = add_step(graph, 5);
  const cu::GraphExecHandle exec = instantiated(graph);
  gpu_->launch_burn(20'000);
  ASSERT_EQ(driver().cuGraphLaunch(exec, gpu_->stream), Code::kSuccess);
  uint32_t addend = 6;
  const cu::KernelNodeParams params = step(addend);
  ASSERT_EQ(more.cuGraphExecKernelNodeSetParams(exec, node, &params), Code::kSuccess);
  ASSERT_EQ(driver().cuGraphLaunch(exec, gpu_->stream), Code::kSuccess);
  EXPECT_EQ(driver().cuGraphExecDestroy(exec), Code::kSuccess);
  EXPECT_EQ(gpu_->read_state(), steps({0, 5, 6}));
}

TEST_F(GraphsOfTheDropIn, AnExecutableTakesOverAGraphOfTheSameForm) {
  const cu::GraphHandle graph = made();
  add_step(graph, 1);
  const cu::GraphExecHandle exec = instantiated(graph);
  const cu::GraphHandle same = made();
  add_step(same, 8);
  cu::GraphUpdateInfo info{};
  ASSERT_EQ(more.cuGraphExecUpdate(exec, same, &info), Code::kSuccess);
  EXPECT_EQ(result_of(exec), steps({8}));
  add_step(same, 9);
  EXPECT_EQ(more.cuGraphExecUpdate(exec, same, &info), Code::kGraphExecUpdateFailure);
  EXPECT_EQ(info.result, cu::GraphUpdateResult::kTopologyChanged);
  EXPECT_EQ(result_of(exec), steps({8}));
}

TEST_F(GraphsOfTheDropIn, ASwitchedOffNodeDoesNothing) {
  const cu::GraphHandle graph = made();
  const cu::GraphNodeHandle first = add_step(graph, 1);
  const cu::GraphNodeHandle second = add_step(graph, 2, {first});
  const cu::GraphExecHandle exec = instantiated(graph);
  ASSERT_EQ(more.cuGraphNodeSetEnabled(exec, first, 0), Code::kSuccess);
  unsigned enabled = 1;
  EXPECT_EQ(more.cuGraphNodeGetEnabled(exec, first, &enabled), Code::kSuccess);
  EXPECT_EQ(enabled, 0U);
  EXPECT_EQ(result_of(exec), steps({2}));
  EXPECT_EQ(more.cuGraphNodeSetEnabled(exec, first, 1), Code::kSuccess);
  EXPECT_EQ(result_of(exec), steps({1, 2}));
  EXPECT_EQ(more.cuGraphNodeGetEnabled(exec, second, &enabled), Code::kSuccess);
  EXPECT_EQ(enabled, 1U);
}

TEST_F(GraphsOfTheDropIn, CopiesAndMemsetsAreNodesToo) {
  const cu::GraphHandle graph = made();
  cu::GraphNodeHandle fill = nullptr;
  cu::GraphNodeHandle copy = nullptr;
  uint32_t words[2] = {};
  const cu::MemsetNodeParams set{
      .to = gpu_->state, .pitch = 0, .value = 7, .element_bytes = 4, .width = 2, .height = 1};
  ASSERT_EQ(more.cuGraphAddMemsetNode(&fill, graph, nullptr, 0, &set, gpu_->context),
            Code::kSuccess);
  cu::Memcpy3d move{};
  move.from.type = cu::MemoryType::kDevice;
  move.from.device = gpu_->state;
  move.to.type = cu::MemoryType::kHost;
  move.to.host = words;
  move.width_bytes = sizeof words;
  move.height = move.depth = 1;
  ASSERT_EQ(more.cuGraphAddMemcpyNode(&copy, graph, &fill, 1, &move, gpu_->context),
            Code::kSuccess);
  cu::GraphNodeType type{};
  EXPECT_EQ(more.cuGraphNodeGetType(copy, &type), Code::kSuccess);
  EXPECT_EQ(type, cu::GraphNodeType::kMemcpy);
  cu::Memcpy3d found{};
  ASSERT_EQ(more.cuGraphMemcpyNodeGetParams(copy, &found), Code::kSuccess);
  EXPECT_EQ(found.to.host, words);
  EXPECT_EQ(found.width_bytes, sizeof words);
  cu::MemsetNodeParams filled{};
  ASSERT_EQ(more.cuGraphMemsetNodeGetParams(fill, &filled), Code::kSuccess);
  EXPECT_EQ(filled.width, 2U);
  const cu::GraphExecHandle exec = instantiated(graph);
  result_of(exec);
  EXPECT_EQ(words[1], 7U);
  cu::MemsetNodeParams eight = set;
  eight.value = 8;
  ASSERT_EQ(more.cuGraphExecMemsetNodeSetParams(exec, fill, &eight, gpu_->context), Code::kSuccess);
  move.to.host = &words[1];
  move.width_bytes = sizeof words[1];
  ASSERT_EQ(more.cuGraphExecMemcpyNodeSetParams(exec, copy, &move, gpu_->context), Code::kSuccess);
  result_of(exec);
  EXPECT_EQ(words[0], 7U);
  EXPECT_EQ(words[1], 8U);
}

TEST_F(GraphsOfTheDropIn, AWaitBetweenTwoNodesHoldsTheSecond) {
  auto* word = static_cast<volatile uint32_t*>(nullptr);
  void* memory = nullptr;
  ASSERT_EQ(driver().cuMemHostAlloc(&memory, 4096, cu::kHostAllocDeviceMap), Code::kSuccess);
  word = static_cast<volatile uint32_t*>(memory);
  *word = 1;
  cu::BatchMemoryOp operation{};
  operation.type = cu::BatchMemoryOpType::kWaitValue32;
  operation.address = reinterpret_cast<cu::DevicePtr>(memory);
  operation.flags = cu::kWaitValueEqual;
  const cu::BatchMemoryOpNodeParams params{
      .context = gpu_->context, .count = 1, .operations = &operation, .flags = 0};
  const cu::GraphHandle graph = made();
  const cu::GraphNodeHandle first = add_step(graph, 1);
  cu::GraphNodeHandle wait = nullptr;
  ASSERT_EQ(more.cuGraphAddBatchMemOpNode(&wait, graph, &first, 1, &params), Code::kSuccess);
  add_step(graph, 2, {wait});
  cu::BatchMemoryOpNodeParams found{};
  ASSERT_EQ(more.cuGraphBatchMemOpNodeGetParams(wait, &found), Code::kSuccess);
  ASSERT_EQ(found.count, 1U);
  EXPECT_EQ(found.operations[0].address, operation.address);
  const cu::GraphExecHandle exec = instantiated(graph);
  ASSERT_EQ(driver().cuGraphLaunch(exec, gpu_->stream), Code::kSuccess);
  const Instant until = monotonic_now() + std::chrono::milliseconds(30);
  while (monotonic_now() < until) {
    ASSERT_EQ(driver().cuStreamQuery(gpu_->stream), Code::kNotReady);
  }
  *word = 0;
  EXPECT_EQ(gpu_->read_state(), steps({1, 2}));
  driver().cuMemFreeHost(memory);
}

TEST_F(GraphsOfTheDropIn, TheNameOfInstantiationMeansWhatTheVersionSays) {
  void* library = cu::MoreFunctions::library();
  for (const auto& [version, symbol] : {std::pair{10000, "cuGraphInstantiate"},
                                        {11080, "cuGraphInstantiate_v2"},
                                        {12000, "cuGraphInstantiateWithFlags"}}) {
    void* found = nullptr;
    ASSERT_EQ(driver().cuGetProcAddress("cuGraphInstantiate", &found, version, 0), Code::kSuccess);
    EXPECT_EQ(found, dlsym(library, symbol)) << version;
  }
}

}  // namespace
}  // namespace corun::simgpu::testing
