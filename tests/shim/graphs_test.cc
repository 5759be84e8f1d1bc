// Graphs of a session that waits for gates: which executable runs, and that the second one follows
// the application's.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/shim/thread_state.h"
#include "tests/shim/fake_graphs.h"

namespace corun::shim {
namespace {

using testing::FakeExec;
using testing::FakeGpu;
using testing::FakeGraph;
using testing::FakeGraphs;
using testing::FakeNode;
using testing::SessionPages;
using testing::stream;

constexpr uintptr_t kKernel = 0x7000;

class GraphsTest : public ::testing::Test {
 protected:
  GraphsTest() {
    session = &shared;
    machine = start(false);
  }
  ~GraphsTest() override { machine->free_devices(); }

  std::unique_ptr<Machine> start(bool latency_critical, bool joins = true) {
    auto made = std::make_unique<Machine>();
    made->start(gpu.driver, gpu.outside(joins ? [](DeviceState& device) {
      device.joined = &session->pages;
      device.pages = &session->pages;
    } : static_cast<void (*)(DeviceState&)>(nullptr)), latency_critical);
    shared.page.hot.wait_every_us = 100;
    made->on_context(0, gpu.context);
    return made;
  }

  /// Launches the kernel outside of graphs until its duration is known.
  void learn(uint32_t us, uintptr_t function = kKernel) {
    gpu.events_done = true;
    gpu.elapsed_ms = static_cast<float>(us) / 1000.0F;
    for (int i = 0; i < 12; ++i) {
      Operation operation;
      operation.stream = stream(9);
      // NOLINTNEXTLINE(performance-no-int-to-ptr): a handle
      operation.key = Estimates::key(reinterpret_cast<const void*>(function), 1, 1, 1, 1, 0);
      machine->before(operation);
      machine->after(operation, Code::kSuccess);
    }
    gpu.events_done = false;
    gpu.events_recorded = 0;
  }

  GraphExecHandle made(FakeGraph& graph, unsigned long long flags = 0) {
    const GraphExecHandle exec = graphs.make(graph);
    machine->on_graph_made(exec, FakeGraphs::handle(graph), flags);
    return exec;
  }

  /// As the hook does it. Returns what ran.
  FakeExec& launch(GraphExecHandle exec, StreamHandle on = stream(1), Code code = Code::kSuccess) {
    GraphLaunch launch;
    launch.kind = Operation::kGraph;
    launch.stream = on;
    launch.key = Estimates::key(exec);
    launch.exec = exec;
    machine->before_graph(launch);
    if (code != Code::kSuccess && launch.exec != exec) {
      machine->on_segments_refused(launch);
    }
    FakeExec& ran = FakeGraphs::exec(launch.exec);
    machine->after_graph(launch, Code::kSuccess);
    return ran;
  }

  void destroy(GraphExecHandle exec) {
    Graphs::Entry* entry = machine->before_graph_gone(exec);
    FakeGraphs::exec(exec).live = false;
    machine->on_graph_gone(entry);
  }

  void arm(uint32_t mask = 1) { shared.page.hot.armed = mask; }
  std::string wait_text(int gate) const {
    return "w " + std::to_string(reinterpret_cast<DevicePtr>(&shared.gate[gate].word));
  }

  static SessionPages* session;
  FakeGpu gpu;
  FakeGraphs graphs{gpu};
  SessionPages shared;
  std::unique_ptr<Machine> machine;
};

SessionPages* GraphsTest::session = nullptr;

TEST_F(GraphsTest, WithNothingArmedTheApplicationsOwnRunsAndNothingIsAdded) {
  learn(1000);
  FakeGraph chain = FakeGraph::chain(kKernel, 4);
  const GraphExecHandle exec = made(chain);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(&launch(exec), &FakeGraphs::exec(exec));
  EXPECT_EQ(graphs.live_execs(), 1U);
  EXPECT_EQ(graphs.events, 0);
  EXPECT_TRUE(gpu.waits.empty());
  EXPECT_TRUE(graphs.recorded.empty());
}

TEST_F(GraphsTest, AnArmedLaunchWaitsBetweenSegments) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  FakeExec& ran = launch(made(chain));
  const std::string wait = wait_text(0);
  EXPECT_EQ(ran.parts,
            (std::vector<std::string>{"k 28672 0", wait, "k 28672 1", wait, "k 28672 2"}));
  EXPECT_EQ(gpu.waits.size(), 1U) << "and in front of the graph";
  EXPECT_EQ(shared.page.counters.gate_waits.load(), 3U);
}

TEST_F(GraphsTest, SegmentsHoldAsMuchWorkAsTheQuantum) {
  learn(20);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 20);
  EXPECT_EQ(launch(made(chain)).waits(), 4U);
}

TEST_F(GraphsTest, TheSecondExecutableIsMadeOnce) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 4);
  const GraphExecHandle exec = made(chain);
  FakeExec& first = launch(exec);
  EXPECT_EQ(&launch(exec), &first);
  EXPECT_EQ(graphs.execs.size(), 2U);
  EXPECT_TRUE(graphs.waited_for_event.empty()) << "one executable's launches are in order anyway";
}

TEST_F(GraphsTest, BetweenTheTwoExecutablesComesAnEvent) {
  learn(1000);
  FakeGraph chain = FakeGraph::chain(kKernel, 4);
  const GraphExecHandle exec = made(chain);
  launch(exec, stream(1));
  arm();
  // What ran unseen is in front of the first armed launch, which is the application's own still.
  EXPECT_EQ(&launch(exec, stream(1)), &FakeGraphs::exec(exec));
  EXPECT_EQ(graphs.recorded, std::vector{stream(1)});
  EXPECT_EQ(launch(exec, stream(2)).waits(), 3U);
  EXPECT_EQ(graphs.waited_for_event, std::vector{stream(2)});
  arm(0);
  EXPECT_EQ(&launch(exec, stream(3)), &FakeGraphs::exec(exec));
  EXPECT_EQ(graphs.waited_for_event, (std::vector{stream(2), stream(3)}));
  EXPECT_EQ(&launch(exec, stream(4)), &FakeGraphs::exec(exec));
  EXPECT_EQ(graphs.waited_for_event.size(), 2U);
  EXPECT_EQ(graphs.recorded.size(), 2U) << "nothing is marked while nothing is armed";
}

TEST_F(GraphsTest, InsideACaptureTheOwnRunsInOrder) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 4);
  const GraphExecHandle exec = made(chain);
  EXPECT_EQ(launch(exec).waits(), 3U);
  machine->on_capture_begin();
  gpu.capturing.insert(stream(1));
  thread_state.capturing = 1;
  EXPECT_EQ(&launch(exec, stream(1)), &FakeGraphs::exec(exec)) << "becomes part of the capture";
  EXPECT_TRUE(graphs.waited_for_event.empty());
  EXPECT_EQ(&launch(exec, stream(2)), &FakeGraphs::exec(exec)) << "runs beside it";
  EXPECT_EQ(graphs.waited_for_event, std::vector{stream(2)});
  thread_state.capturing = 0;
}

TEST_F(GraphsTest, AnotherGateIsWaitedForAtOnce) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 2);
  const GraphExecHandle exec = made(chain);
  FakeExec& first = launch(exec);
  arm(1U << 5);
  FakeExec& second = launch(exec);
  EXPECT_FALSE(first.live);
  EXPECT_EQ(second.parts[1], wait_text(5));
  EXPECT_EQ(graphs.waited_for_event.size(), 1U);
  arm(1U | wire::kArmedTurn);
  EXPECT_EQ(
      launch(exec).parts[1],
      wait_text(0) + " " + std::to_string(reinterpret_cast<DevicePtr>(&shared.page.turn.word)));
}

TEST_F(GraphsTest, AnewSessionMeansNewWords) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 2);
  const GraphExecHandle exec = made(chain);
  launch(exec);
  SessionPages other;
  other.page.hot.armed = 1;
  other.page.hot.wait_every_us = 100;
  machine->show(*machine->of_device(0), &other.pages);
  EXPECT_EQ(launch(exec).parts[1],
            "w " + std::to_string(reinterpret_cast<DevicePtr>(&other.gate[0].word)));
  machine->show(*machine->of_device(0), nullptr);
  EXPECT_EQ(&launch(exec), &FakeGraphs::exec(exec)) << "void orders";
}

TEST_F(GraphsTest, ShortGraphsAreGatedWhole) {
  learn(10);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 5);
  const GraphExecHandle exec = made(chain);
  EXPECT_EQ(&launch(exec), &FakeGraphs::exec(exec));
  EXPECT_EQ(gpu.waits.size(), 1U);
  EXPECT_EQ(graphs.execs.size(), 1U);
  EXPECT_TRUE(graphs.clones.empty());
}

TEST_F(GraphsTest, WhatWasNeverMeasuredIsGatedWholeUntilItWas) {
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 10);
  const GraphExecHandle exec = made(chain);
  gpu.elapsed_ms = 2;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(launch(exec).waits(), 0U);
  gpu.events_done = true;
  launch(exec);
  EXPECT_EQ(launch(exec).waits(), 9U) << "200 us each";
}

TEST_F(GraphsTest, TheMeasuredGraphScalesItsKernels) {
  learn(1000);
  FakeGraph chain = FakeGraph::chain(kKernel, 10);
  const GraphExecHandle exec = made(chain);
  gpu.events_done = true;
  gpu.elapsed_ms = 0.4F;  // together: 40 us each
  for (int i = 0; i < 4; ++i) launch(exec);
  arm();
  launch(exec);
  EXPECT_EQ(launch(exec).waits(), 4U);
}

class NodeKinds : public GraphsTest,
                  public ::testing::WithParamInterface<std::pair<cuda::GraphNodeType, bool>> {};

TEST_P(NodeKinds, DecideWhetherAGraphIsCut) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 4);
  FakeNode other;
  other.type = GetParam().first;
  other.after = {chain.nodes.back().get()};
  chain.add(other);
  const GraphExecHandle exec = made(chain);
  FakeExec& ran = launch(exec);
  EXPECT_EQ(&ran != &FakeGraphs::exec(exec), GetParam().second);
  EXPECT_EQ(ran.waits() == 3U, GetParam().second);
}

INSTANTIATE_TEST_SUITE_P(All, NodeKinds,
                         ::testing::Values(std::pair{cuda::GraphNodeType::kEmpty, true},
                                           std::pair{cuda::GraphNodeType::kRecordEvent, true},
                                           std::pair{cuda::GraphNodeType::kWaitEvent, true},
                                           std::pair{cuda::GraphNodeType::kHost, false},
                                           std::pair{cuda::GraphNodeType::kChildGraph, false},
                                           std::pair{cuda::GraphNodeType::kSignalSemaphores, false},
                                           std::pair{cuda::GraphNodeType::kWaitSemaphores, false},
                                           std::pair{cuda::GraphNodeType::kMemoryAlloc, false},
                                           std::pair{cuda::GraphNodeType::kMemoryFree, false},
                                           std::pair{cuda::GraphNodeType::kBatchMemoryOp, false},
                                           std::pair{cuda::GraphNodeType::kConditional, false}),
                         [](const auto& test) {
                           return "Type" + std::to_string(static_cast<int>(test.param.first));
                         });

TEST_F(GraphsTest, AChildGraphCountsAsAWhole) {
  learn(1000);
  arm();
  FakeGraph inner = FakeGraph::chain(kKernel, 5);
  FakeGraph outer = FakeGraph::chain(kKernel, 2);
  FakeNode child;
  child.type = cuda::GraphNodeType::kChildGraph;
  child.child = &inner;
  child.after = {outer.nodes.back().get()};
  outer.add(child);
  EXPECT_EQ(launch(made(outer)).waits(), 2U);
}

TEST_F(GraphsTest, AWaitFollowsAllBranchesThatItsNodeJoins) {
  learn(1000);
  arm();
  FakeGraph graph = FakeGraph::chain(kKernel, 1);
  FakeNode branch;
  branch.function = kKernel;
  branch.after = {graph.nodes[0].get()};
  FakeNode* left = graph.add(branch);
  FakeNode* right = graph.add(branch);
  FakeNode join;
  join.function = kKernel;
  join.after = {left, right};
  graph.add(join);
  launch(made(graph));
  ASSERT_EQ(graphs.clones.size(), 1U);
  const FakeGraph& cut = **graphs.clones.begin();
  const FakeNode& wait = *cut.nodes.back();
  EXPECT_EQ(wait.after, (std::set{cut.clones.at(left), cut.clones.at(right)}));
  EXPECT_EQ(cut.nodes[3]->after, std::set{cut.nodes.back().get()});
}

TEST_F(GraphsTest, GraphsThatCannotBeClonedOrReadAreGatedWhole) {
  learn(1000);
  arm();
  for (const bool clonable : {false, true}) {
    FakeGraph chain = FakeGraph::chain(kKernel, 4);
    chain.clonable = clonable;
    chain.edge_data = clonable;
    EXPECT_EQ(launch(made(chain)).waits(), 0U);
    EXPECT_TRUE(graphs.clones.empty());
  }
}

TEST_F(GraphsTest, GraphsThatTheDeviceLaunchesAreLeftAlone) {
  learn(1000);
  FakeGraph chain = FakeGraph::chain(kKernel, 4);
  made(chain, cuda::kGraphDeviceLaunch);
  EXPECT_TRUE(graphs.clones.empty());
}

TEST_F(GraphsTest, ADriverWithoutWaitNodesGatesWhole) {
  gpu.driver.graph_add_wait = nullptr;
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 4);
  EXPECT_EQ(launch(made(chain)).waits(), 0U);
  EXPECT_EQ(gpu.waits.size(), 1U);
}

TEST_F(GraphsTest, NothingIsKeptWithoutASessionOrForALatencyCriticalOne) {
  FakeGraph chain = FakeGraph::chain(kKernel, 4);
  for (const bool latency_critical : {false, true}) {
    machine->free_devices();
    machine = start(latency_critical, latency_critical);
    made(chain);
    EXPECT_TRUE(graphs.clones.empty());
  }
}

TEST_F(GraphsTest, AnUpdateIsFollowedWhereItIsRare) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  const GraphExecHandle exec = made(chain);
  for (int i = 0; i < 10; ++i) launch(exec);
  chain.nodes[1]->value = 77;
  machine->on_graph_updated(exec, FakeGraphs::handle(chain));
  FakeExec& ran = launch(exec);
  EXPECT_EQ(ran.waits(), 2U);
  EXPECT_EQ(ran.parts[2], "k 28672 77");
  EXPECT_EQ(graphs.waited_for_event.size(), 1U) << "the executable before may still run";
  machine->on_graph_updated(exec, FakeGraphs::handle(chain));
  EXPECT_EQ(&launch(exec), &FakeGraphs::exec(exec)) << "after one launch: not worth a clone";
  EXPECT_TRUE(graphs.clones.empty());
}

TEST_F(GraphsTest, AChangedNodeIsTheSameNodeOfTheClone) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  const GraphExecHandle exec = made(chain);
  launch(exec);
  GraphNodeHandle in_clone = nullptr;
  Graphs::Entry* entry =
      machine->before_node_change(exec, FakeGraphs::handle(*chain.nodes[1]), &in_clone);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(in_clone,
            FakeGraphs::handle(*(*graphs.clones.begin())->clones.at(chain.nodes[1].get())));
  EXPECT_TRUE(
      FakeGraphs::exec(entry->segmented).place.contains(reinterpret_cast<FakeNode*>(in_clone)));
  machine->after_node_change(entry, true);
  EXPECT_EQ(launch(exec).waits(), 2U);
}

TEST_F(GraphsTest, AChangeThatCannotBeFollowedGatesWholeForGood) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  FakeGraph stranger = FakeGraph::chain(kKernel, 1);
  const GraphExecHandle first = made(chain);
  launch(first);
  GraphNodeHandle in_clone = nullptr;
  EXPECT_EQ(machine->before_node_change(first, FakeGraphs::handle(*stranger.nodes[0]), &in_clone),
            nullptr);
  EXPECT_EQ(&launch(first, stream(2)), &FakeGraphs::exec(first));
  EXPECT_EQ(graphs.waited_for_event, std::vector{stream(2)});

  const GraphExecHandle second = made(chain);
  launch(second);
  machine->on_graph_updated(second, nullptr);  // a switched-off node, say
  for (int i = 0; i < 20; ++i) EXPECT_EQ(launch(second).waits(), 0U);
  machine->on_graph_updated(second, FakeGraphs::handle(chain));
  EXPECT_EQ(launch(second).waits(), 0U) << "an update does not switch it on again";
}

TEST_F(GraphsTest, ADestroyedGraphLeavesNothing) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  const GraphExecHandle exec = made(chain);
  launch(exec);
  destroy(exec);
  EXPECT_EQ(graphs.live_execs(), 0U);
  EXPECT_TRUE(graphs.clones.empty());
  EXPECT_EQ(graphs.events, 0);
}

TEST_F(GraphsTest, WithoutMemoryForASecondExecutableTheOwnRuns) {
  learn(1000);
  arm();
  graphs.instantiates = false;
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  const GraphExecHandle exec = made(chain);
  EXPECT_EQ(&launch(exec), &FakeGraphs::exec(exec));
  EXPECT_TRUE(graphs.clones.empty());
  EXPECT_EQ(gpu.waits.size(), 1U);
}

TEST_F(GraphsTest, SegmentsThatTheDriverRefusesAreGivenUp) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  const GraphExecHandle exec = made(chain);
  EXPECT_EQ(&launch(exec, stream(1), Code::kLaunchFailed), &FakeGraphs::exec(exec));
  EXPECT_EQ(&launch(exec), &FakeGraphs::exec(exec));
  EXPECT_EQ(graphs.live_execs(), 1U);
}

TEST_F(GraphsTest, ALaunchThatCannotBeMarkedIsWaitedFor) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  const GraphExecHandle exec = made(chain);
  graphs.record_code = Code::kInvalidHandle;
  EXPECT_EQ(launch(exec).waits(), 2U);
  EXPECT_EQ(graphs.synchronised, 1);
  EXPECT_EQ(&launch(exec), &FakeGraphs::exec(exec));
}

TEST_F(GraphsTest, ADestroyedContextTakesItsExecutablesAlong) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  const GraphExecHandle exec = made(chain);
  launch(exec);
  machine->on_context_gone(gpu.context);
  EXPECT_EQ(&launch(exec), &FakeGraphs::exec(exec));
}

TEST_F(GraphsTest, AHandleThatIsGivenOutAgainMeansAnotherGraph) {
  learn(1000);
  arm();
  FakeGraph chain = FakeGraph::chain(kKernel, 3);
  const GraphExecHandle exec = made(chain);
  launch(exec);
  destroy(exec);
  FakeGraphs::exec(exec).live = true;
  FakeGraph longer = FakeGraph::chain(kKernel, 6);
  machine->on_graph_made(exec, FakeGraphs::handle(longer), 0);
  EXPECT_EQ(launch(exec).waits(), 5U);
}

TEST_F(GraphsTest, ManyGraphsAreToldApart) {
  learn(1000);
  arm();
  std::vector<std::unique_ptr<FakeGraph>> kept;
  std::vector<GraphExecHandle> execs;
  for (int i = 0; i < 3000; ++i) {
    kept.push_back(std::make_unique<FakeGraph>(FakeGraph::chain(kKernel, 2 + i % 3)));
    execs.push_back(made(*kept.back()));
  }
  for (size_t i = 0; i < execs.size(); ++i) {
    launch(execs[i]);  // may be one too many for the table of estimates, and pass as a later one
    EXPECT_EQ(launch(execs[i]).waits(), 1 + i % 3);
  }
  for (const GraphExecHandle exec : execs) destroy(exec);
  EXPECT_EQ(graphs.live_execs(), 0U);
}

}  // namespace
}  // namespace corun::shim
