#include "engine/shim/graph_cuts.h"

#include "engine/shim/array.h"

namespace corun::shim {

namespace {

/// Steps of search that each node and edge may cost.
constexpr uint64_t kStepsPerPart = 32;

/// The neighbours of each node in one direction.
class Neighbours {
 public:
  /// Those in `of` -> `to` of each edge.
  Neighbours(uint32_t nodes, size_t edges, const uint32_t* of, const uint32_t* to)
      : first_(size_t{nodes} + 1), to_(edges) {
    const Array<size_t> filled(nodes);
    valid_ = first_.data() != nullptr && to_.data() != nullptr && filled.data() != nullptr;
    for (size_t edge = 0; valid_ && edge < edges; ++edge) {
      ++first_[of[edge] + 1];
    }
    for (uint32_t node = 0; valid_ && node < nodes; ++node) {
      first_[node + 1] += first_[node];
    }
    for (size_t edge = 0; valid_ && edge < edges; ++edge) {
      to_[first_[of[edge]] + filled[of[edge]]++] = to[edge];
    }
  }

  bool valid() const { return valid_; }
  uint32_t count(uint32_t node) const {
    return static_cast<uint32_t>(first_[node + 1] - first_[node]);
  }
  template <class Each>
  void for_each(uint32_t node, Each each) const {
    for (size_t edge = first_[node]; edge < first_[node + 1]; ++edge) {
      each(to_[edge]);
    }
  }

 private:
  Array<size_t> first_;
  Array<uint32_t> to_;
  bool valid_ = false;
};

uint64_t sum(uint64_t left, uint64_t right) {
  return left > UINT64_MAX - right ? UINT64_MAX : left + right;
}

bool edges_stay_inside(const GraphShape& shape) {
  for (size_t edge = 0; edge < shape.edges; ++edge) {
    if (shape.from[edge] >= shape.nodes || shape.to[edge] >= shape.nodes) {
      return false;
    }
  }
  return true;
}

/// Goes through a graph as it may run, and notes where to cut.
class Sweep {
 public:
  explicit Sweep(const GraphShape& shape)
      : shape_(shape),
        after_(shape.nodes, shape.edges, shape.from, shape.to),
        before_(shape.nodes, shape.edges, shape.to, shape.from),
        order_(shape.nodes),
        search_(shape.nodes),
        nodes_(shape.nodes),
        steps_left_(kStepsPerPart * (shape.nodes + shape.edges)) {}

  bool valid() const {
    return after_.valid() && before_.valid() && order_.data() != nullptr &&
           search_.data() != nullptr && nodes_.data() != nullptr;
  }

  uint32_t run(uint64_t every_ns, uint32_t* cuts) {
    for (uint32_t node = 0; node < shape_.nodes; ++node) {
      nodes_[node] = {.waits_for = before_.count(node), .open = after_.count(node)};
      if (nodes_[node].waits_for == 0) {
        order_[tail_++] = node;
      }
    }
    uint32_t count = 0;
    uint64_t since_ns = 0;
    for (; head_ < tail_; ++head_) {
      const uint32_t node = order_[head_];
      const uint64_t own_ns = shape_.duration_ns[node];
      since_ns = sum(since_ns, own_ns);
      if (since_ns >= every_ns && own_ns > 0 && head_ > 0 && splits(node)) {
        cuts[count++] = node;
        since_ns = own_ns;
        block_ = head_;
      }
      done(node);
    }
    return head_ == shape_.nodes ? count : 0;
  }

 private:
  struct Node {
    uint32_t waits_for = 0;  ///< nodes before it that have not run
    uint32_t open = 0;       ///< nodes behind it that have not run
    uint32_t place = 0;      ///< in the order, once it has run
    uint32_t reaches = 0;    ///< the search that found it, by its node and 1
  };

  void done(uint32_t node) {
    nodes_[node].place = head_;
    before_.for_each(node, [&](uint32_t one) { --nodes_[one].open; });
    after_.for_each(node, [&](uint32_t next) {
      if (--nodes_[next].waits_for == 0) {
        order_[tail_++] = next;
      }
    });
  }

  /// Whether all nodes that have not run come after this one, which is about to, and all that have
  /// come before it or are dead ends.
  bool splits(uint32_t node) {
    if (tail_ - head_ != 1) {
      return false;  // another one is ready too
    }
    // What ran up to the last cut comes before that, or is a dead end.
    const uint32_t mark = node + 1;
    uint32_t found = 0;
    search_[found++] = node;
    for (uint32_t at = 0; at < found; ++at) {
      before_.for_each(search_[at], [&](uint32_t one) {
        steps_left_ -= steps_left_ > 0 ? 1 : 0;
        if (nodes_[one].place >= block_ && nodes_[one].reaches != mark) {
          nodes_[one].reaches = mark;
          search_[found++] = one;
        }
      });
    }
    for (uint32_t place = block_; place < head_; ++place) {
      steps_left_ -= steps_left_ > 0 ? 1 : 0;
      const Node& one = nodes_[order_[place]];
      if (one.reaches != mark && one.open > 0) {
        return false;
      }
    }
    return steps_left_ > 0;
  }

  const GraphShape& shape_;
  const Neighbours after_;
  const Neighbours before_;
  const Array<uint32_t> order_;  ///< those that have run, then [head_, tail_): the ready ones
  const Array<uint32_t> search_;
  const Array<Node> nodes_;
  uint32_t head_ = 0;
  uint32_t tail_ = 0;
  uint32_t block_ = 0;  ///< place of the last cut
  uint64_t steps_left_;
};

}  // namespace

uint32_t graph_cuts(const GraphShape& shape, uint64_t every_ns, uint32_t* cuts) {
  if (!edges_stay_inside(shape)) {
    return 0;
  }
  Sweep sweep(shape);
  return sweep.valid() ? sweep.run(every_ns, cuts) : 0;
}

}  // namespace corun::shim
