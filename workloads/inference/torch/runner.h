// A network on its device, with memory set up beforehand: for each size of a batch pinned buffers
// on the host, buffers on the device and, on a GPU, a CUDA graph between them. A batch is then a
// copy there, one launch and a copy back, whatever the network's number of kernels.
//
// All calls come from one thread.
#pragma once

#include <c10/core/Stream.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "workloads/inference/torch/network.h"
#include "workloads/torch/torch_compat.h"

namespace corun::inference {

struct RunnerOptions {
  libtorch::Placement place;
  uint64_t seed = 1;
  /// A graph for each power of two up to max_batch, and for it; else each size that is asked for
  /// runs eagerly.
  bool graphs = false;
  int64_t max_batch = 1;  ///< 0: the network knows no batches, rows are not counted
};

class Runner {
 public:
  /// Makes the network, captures its graphs, and compares what they compute with the network run
  /// eagerly. Throws what LibTorch throws. Errors: (failed) a graph computes something else;
  /// (unsupported) graphs where there are none.
  static Result<std::unique_ptr<Runner>> create(const NetworkPlan& plan,
                                                const RunnerOptions& options);

  /// The host's memory for the inputs of so many rows: at least so many are run.
  const std::vector<at::Tensor>& inputs(int64_t rows) { return lane(rows).host_inputs; }
  /// Runs what stands in inputs(rows); the host's memory with the outputs, valid until the next
  /// call. Throws what LibTorch throws.
  const std::vector<at::Tensor>& run(int64_t rows);
  /// The device's work of run(rows) alone, without the copies; does not wait.
  void enqueue(int64_t rows);
  void finish() const { libtorch::synchronize(stream_); }

  /// Inputs of any shapes, for a network whose sizes are free: eager, with memory of its own.
  std::vector<at::Tensor> run_free(const std::vector<at::Tensor>& host);

  /// Random inputs for so many rows, the same ones each time.
  void fill(int64_t rows);
  const c10::Stream& stream() const { return stream_; }
  bool graphs() const { return options_.graphs; }
  uint64_t weight_bytes() const { return weight_bytes_; }
  /// Device memory of weights and buffers.
  uint64_t memory_bytes() const { return weight_bytes_ + buffer_bytes_; }

 private:
  /// What a size of a batch has.
  struct Lane {
    std::vector<at::Tensor> host_inputs, inputs, outputs, host_outputs;
    std::unique_ptr<libtorch::Graph> graph;
  };
  Runner(const NetworkPlan& plan, const RunnerOptions& options);
  Lane& lane(int64_t rows);
  Lane make_lane(int64_t rows);
  Status capture(int64_t rows, Lane& lane);
  void copy_in(Lane& lane);
  void copy_out(Lane& lane);
  int64_t size_for(int64_t rows) const;

  NetworkPlan plan_;
  RunnerOptions options_;
  c10::Stream stream_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<libtorch::GraphPool> pool_;
  std::map<int64_t, Lane> lanes_;  ///< by rows
  uint64_t weight_bytes_ = 0;
  uint64_t buffer_bytes_ = 0;
};

/// Digests of exact bits; of tensors on the host.
std::string digest_of(std::string_view bytes);
std::string digest_of(const std::vector<at::Tensor>& tensors);
/// Whether `found` is `expected` but for another order of sums: within a fiftieth of its largest
/// value.
bool nearly_equal(const at::Tensor& found, const at::Tensor& expected);

}  // namespace corun::inference
