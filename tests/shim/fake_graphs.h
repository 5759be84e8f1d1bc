// Graphs of a fake driver: nodes and edges as values, and executables that are lists of what would
// run. One at a time, beside a FakeGpu.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/shim/fake_gpu.h"

namespace corun::shim::testing {

struct FakeGraph;

struct FakeNode {
  cuda::GraphNodeType type = cuda::GraphNodeType::kKernel;
  uintptr_t function = 0;  ///< of kernels, which have one block of one thread
  int value = 0;           ///< a parameter
  std::set<FakeNode*> after;
  std::vector<DevicePtr> words;  ///< of waits
  FakeGraph* child = nullptr;
};

struct FakeGraph {
  std::vector<std::unique_ptr<FakeNode>> nodes;
  std::map<const FakeNode*, FakeNode*> clones;
  bool clonable = true;
  bool edge_data = false;

  FakeNode* add(FakeNode node);
  /// `count` kernels of one function, one behind the other.
  static FakeGraph chain(uintptr_t function, int count);
};

struct FakeExec {
  /// What runs, in order: "k FUNCTION VALUE", "w WORDS", or the number of another type.
  std::vector<std::string> parts;
  std::map<const FakeNode*, size_t> place;
  bool live = true;
  size_t waits() const;
};

class FakeGraphs {
 public:
  explicit FakeGraphs(FakeGpu& gpu);
  ~FakeGraphs();
  FakeGraphs(const FakeGraphs&) = delete;
  FakeGraphs& operator=(const FakeGraphs&) = delete;

  /// An executable as the application makes it.
  GraphExecHandle make(const FakeGraph& graph);
  static FakeExec& exec(GraphExecHandle handle) { return *reinterpret_cast<FakeExec*>(handle); }
  static GraphHandle handle(FakeGraph& graph) { return reinterpret_cast<GraphHandle>(&graph); }
  static GraphNodeHandle handle(FakeNode& node) { return reinterpret_cast<GraphNodeHandle>(&node); }

  std::vector<std::unique_ptr<FakeExec>> execs;  ///< all that were ever made
  std::set<FakeGraph*> clones;                   ///< that live
  size_t live_execs() const;
  std::vector<StreamHandle> waited_for_event;  ///< streams that an event was put in front of
  std::vector<StreamHandle> recorded;          ///< and that one was recorded on
  int events = 0;                              ///< that live
  int synchronised = 0;
  bool instantiates = true;
  Code record_code = Code::kSuccess;
};

/// The one that is alive.
FakeGraphs& fake_graphs();

}  // namespace corun::shim::testing
