#include "engine/shim/graph_segments.h"

#include <algorithm>
#include <initializer_list>

#include "engine/shim/array.h"
#include "engine/shim/graph_cuts.h"

namespace corun::shim {

namespace {

/// Graphs beyond it are gated whole: looking into them would take long.
constexpr size_t kMostNodes = size_t{1} << 17;
constexpr size_t kMostEdges = size_t{1} << 19;
/// Child graphs inside of child graphs.
constexpr int kMostDepth = 4;

uint64_t copy_ns(uint64_t bytes, uint64_t per_us) { return kCopyFixedNs + bytes / per_us * 1000; }

/// Estimates of nodes. Not valid any more once it met a node that no gate may stand behind.
class Durations {
 public:
  Durations(const Driver& driver, const Estimates& estimates)
      : driver_(driver), estimates_(estimates) {}

  uint64_t of(GraphNodeHandle node, int depth) {
    cuda::GraphNodeType type{};
    if (driver_.node_type(node, &type) != Code::kSuccess) {
      return refuse();
    }
    switch (type) {
      case cuda::GraphNodeType::kKernel:
        return of_kernel(node);
      case cuda::GraphNodeType::kMemcpy:
        return of_memcpy(node);
      case cuda::GraphNodeType::kMemset:
        return of_memset(node);
      case cuda::GraphNodeType::kChildGraph:
        return of_child(node, depth);
      case cuda::GraphNodeType::kEmpty:
      case cuda::GraphNodeType::kWaitEvent:
      case cuda::GraphNodeType::kRecordEvent:
        return 0;
      case cuda::GraphNodeType::kHost:
      case cuda::GraphNodeType::kSignalSemaphores:
      case cuda::GraphNodeType::kWaitSemaphores:
      case cuda::GraphNodeType::kMemoryAlloc:
      case cuda::GraphNodeType::kMemoryFree:
      case cuda::GraphNodeType::kBatchMemoryOp:
      case cuda::GraphNodeType::kConditional:
        break;
    }
    return refuse();
  }
  bool valid() const { return valid_; }
  /// Whether all kernels were measured.
  bool all_known() const { return all_known_; }

 private:
  uint64_t refuse() {
    valid_ = false;
    return 0;
  }

  uint64_t of_kernel(GraphNodeHandle node) {
    cuda::KernelNodeParams params = {};
    const auto get = driver_.node_kernel != nullptr ? driver_.node_kernel : driver_.node_kernel_v1;
    if (get(node, &params) != Code::kSuccess) {
      return kUnknownNs;
    }
    const unsigned threads = params.block_x * params.block_y * params.block_z;
    // Programs launch either handle of a kernel.
    for (const void* function :
         {static_cast<const void*>(params.function), static_cast<const void*>(params.kernel)}) {
      const Estimates::Entry* entry =
          function == nullptr ? nullptr
                              : estimates_.lookup(Estimates::key(
                                    function, params.grid_x, params.grid_y, params.grid_z, threads,
                                    params.dynamic_shared_bytes));
      if (entry != nullptr && entry->ns.load(std::memory_order_relaxed) != 0) {
        return entry->estimate_ns();
      }
    }
    all_known_ = false;
    return kUnknownNs;
  }

  uint64_t of_memcpy(GraphNodeHandle node) {
    cuda::Memcpy3d params = {};
    if (driver_.node_memcpy == nullptr || driver_.node_memcpy(node, &params) != Code::kSuccess) {
      return kUnknownNs;
    }
    const auto on_device = [](const cuda::Memcpy3dSide& side) {
      return side.type == cuda::MemoryType::kDevice || side.type == cuda::MemoryType::kArray;
    };
    const bool inside = on_device(params.from) && on_device(params.to);
    const uint64_t rows =
        std::max<uint64_t>(params.height, 1) * std::max<uint64_t>(params.depth, 1);
    return copy_ns(params.width_bytes * rows, inside ? kDeviceBytesPerUs : kCopyBytesPerUs);
  }

  uint64_t of_memset(GraphNodeHandle node) {
    cuda::MemsetNodeParams params = {};
    if (driver_.node_memset == nullptr || driver_.node_memset(node, &params) != Code::kSuccess) {
      return kUnknownNs;
    }
    return copy_ns(params.element_bytes * params.width * std::max<uint64_t>(params.height, 1),
                   kDeviceBytesPerUs);
  }

  /// A child graph is one node, as long as all that is in it.
  uint64_t of_child(GraphNodeHandle node, int depth) {
    GraphHandle graph = nullptr;
    size_t count = 0;
    if (depth >= kMostDepth || driver_.node_child == nullptr ||
        driver_.node_child(node, &graph) != Code::kSuccess ||
        driver_.graph_nodes(graph, nullptr, &count) != Code::kSuccess || count > kMostNodes) {
      return refuse();
    }
    const Array<GraphNodeHandle> nodes(count);
    if (nodes.data() == nullptr ||
        driver_.graph_nodes(graph, nodes.data(), &count) != Code::kSuccess) {
      return refuse();
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < count && valid_; ++i) {
      sum += of(nodes[i], depth + 1);
    }
    return sum;
  }

  const Driver& driver_;
  const Estimates& estimates_;
  bool valid_ = true;
  bool all_known_ = true;
};

/// The nodes of a graph in the order of their handles, and its edges by their numbers.
class Shape {
 public:
  Shape(const Driver& driver, GraphHandle graph)
      : node_count_(count_of(driver.graph_nodes(graph, nullptr, &counted_), kMostNodes)),
        nodes_(node_count_),
        durations_(node_count_),
        edge_count_(count_of(driver.graph_edges(graph, nullptr, nullptr, &counted_), kMostEdges)),
        from_(edge_count_),
        to_(edge_count_) {
    valid_ = valid_ && node_count_ > 1 && nodes_.data() != nullptr &&
             durations_.data() != nullptr && from_.data() != nullptr && to_.data() != nullptr &&
             read(driver, graph);
  }

  bool valid() const { return valid_; }
  uint32_t nodes() const { return static_cast<uint32_t>(node_count_); }
  size_t edges() const { return edge_count_; }
  GraphNodeHandle node(uint32_t number) const { return nodes_[number]; }
  uint64_t& duration(uint32_t node) const { return durations_[node]; }
  /// Edges stand in the order of the nodes that they lead to.
  uint32_t from(size_t edge) const { return from_[edge]; }
  size_t first_edge_to(uint32_t node) const {
    return static_cast<size_t>(std::lower_bound(to_.data(), to_.data() + edge_count_, node) -
                               to_.data());
  }
  bool edge_to(uint32_t node, size_t edge) const { return edge < edge_count_ && to_[edge] == node; }
  GraphShape view() const {
    return {.nodes = nodes(),
            .duration_ns = durations_.data(),
            .edges = edge_count_,
            .from = from_.data(),
            .to = to_.data()};
  }

 private:
  struct Edge {
    uint32_t to;
    uint32_t from;
    bool operator<(const Edge& other) const {
      return to != other.to ? to < other.to : from < other.from;
    }
  };

  size_t count_of(Code code, size_t most) {
    valid_ = valid_ && code == Code::kSuccess && counted_ <= most;
    return valid_ ? counted_ : 0;
  }

  uint32_t number_of(GraphNodeHandle node) const {
    return static_cast<uint32_t>(
        std::lower_bound(nodes_.data(), nodes_.data() + node_count_, node) - nodes_.data());
  }

  bool read(const Driver& driver, GraphHandle graph) {
    const Array<GraphNodeHandle> from(edge_count_);
    const Array<GraphNodeHandle> to(edge_count_);
    const Array<Edge> edges(edge_count_);
    size_t nodes = node_count_;
    size_t count = edge_count_;
    if (from.data() == nullptr || to.data() == nullptr || edges.data() == nullptr ||
        driver.graph_nodes(graph, nodes_.data(), &nodes) != Code::kSuccess ||
        (count > 0 &&
         driver.graph_edges(graph, from.data(), to.data(), &count) != Code::kSuccess)) {
      return false;
    }
    std::sort(nodes_.data(), nodes_.data() + node_count_);
    for (size_t i = 0; i < edge_count_; ++i) {
      edges[i] = {.to = number_of(to[i]), .from = number_of(from[i])};
    }
    std::sort(edges.data(), edges.data() + edge_count_);
    for (size_t i = 0; i < edge_count_; ++i) {
      from_[i] = edges[i].from;
      to_[i] = edges[i].to;
    }
    return true;
  }

  bool valid_ = true;
  size_t counted_ = 0;
  size_t node_count_;
  Array<GraphNodeHandle> nodes_;
  Array<uint64_t> durations_;
  size_t edge_count_;
  Array<uint32_t> from_;
  Array<uint32_t> to_;
};

/// Fills in the durations. Not kDone: a node forbids cuts, or the graph is short, or unmeasured.
Cut estimate(const Driver& driver, const Estimates& estimates, const Shape& shape,
             uint64_t total_ns, uint64_t every_ns) {
  Durations durations(driver, estimates);
  uint64_t sum = 0;
  for (uint32_t node = 0; node < shape.nodes(); ++node) {
    shape.duration(node) = durations.of(shape.node(node), 0);
    sum += shape.duration(node);
  }
  if (!durations.valid()) {
    return Cut::kWhole;
  }
  if (total_ns == 0 && !durations.all_known()) {
    return Cut::kUnmeasured;
  }
  if ((total_ns != 0 ? total_ns : sum) < every_ns) {
    return Cut::kWhole;
  }
  if (total_ns != 0 && sum != 0) {
    const double scale = static_cast<double>(total_ns) / static_cast<double>(sum);
    for (uint32_t node = 0; node < shape.nodes(); ++node) {
      shape.duration(node) =
          static_cast<uint64_t>(static_cast<double>(shape.duration(node)) * scale);
    }
  }
  return Cut::kDone;
}

/// Puts a wait in front of `node`: behind all that the node stood behind, which it then follows
/// alone.
bool insert_wait(const Driver& driver, GraphHandle graph, const Shape& shape, uint32_t node,
                 const cuda::BatchMemoryOpNodeParams& operations, GraphNodeHandle* wait) {
  const size_t first = shape.first_edge_to(node);
  size_t count = 0;
  while (shape.edge_to(node, first + count)) {
    ++count;
  }
  const Array<GraphNodeHandle> before(count);
  const Array<GraphNodeHandle> itself(count);
  if (before.data() == nullptr || itself.data() == nullptr) {
    return false;
  }
  for (size_t i = 0; i < count; ++i) {
    before[i] = shape.node(shape.from(first + i));
    itself[i] = shape.node(node);
  }
  return driver.graph_add_wait(wait, graph, before.data(), count, &operations) == Code::kSuccess &&
         driver.graph_remove_edges(graph, before.data(), itself.data(), count) == Code::kSuccess &&
         driver.graph_add_edges(graph, wait, itself.data(), 1) == Code::kSuccess;
}

}  // namespace

bool can_cut(const Driver& driver) {
  return driver.graph_clone != nullptr && driver.graph_destroy != nullptr &&
         driver.graph_nodes != nullptr && driver.graph_edges != nullptr &&
         driver.graph_add_edges != nullptr && driver.graph_remove_edges != nullptr &&
         driver.graph_add_wait != nullptr && driver.graph_set_wait != nullptr &&
         driver.graph_instantiate != nullptr && driver.graph_exec_destroy != nullptr &&
         driver.node_type != nullptr &&
         (driver.node_kernel != nullptr || driver.node_kernel_v1 != nullptr) &&
         driver.stream_wait_event != nullptr && driver.stream_synchronize != nullptr &&
         driver.event_create != nullptr && driver.event_destroy != nullptr &&
         driver.event_record != nullptr;
}

Cut cut_graph(const Driver& driver, const Estimates& estimates, GraphHandle graph,
              uint64_t total_ns, uint64_t every_ns, const cuda::BatchMemoryOpNodeParams& operations,
              Waits* waits) {
  const Shape shape(driver, graph);
  if (!shape.valid()) {
    return Cut::kWhole;
  }
  if (const Cut known = estimate(driver, estimates, shape, total_ns, every_ns);
      known != Cut::kDone) {
    return known;
  }
  const Array<uint32_t> cuts(shape.nodes());
  const uint32_t count =
      cuts.data() == nullptr ? 0 : graph_cuts(shape.view(), every_ns, cuts.data());
  Array<GraphNodeHandle> made(count);
  if (count == 0 || made.data() == nullptr) {
    return Cut::kWhole;
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (!insert_wait(driver, graph, shape, cuts[i], operations, &made[i])) {
      return Cut::kWhole;
    }
  }
  *waits = {.nodes = made.release(), .count = count};
  return Cut::kDone;
}

}  // namespace corun::shim
