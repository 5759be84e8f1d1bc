// The workloads' makers, one a file; make_workload (workload.h) chooses.
#pragma once

#include <memory>

#include "workloads/synthetic/options.h"
#include "workloads/synthetic/workload.h"

namespace corun::synthetic {

std::unique_ptr<Workload> make_train(const CommonOptions& common, const TrainOptions& options);
std::unique_ptr<Workload> make_infer(const CommonOptions& common, const InferOptions& options);
std::unique_ptr<Workload> make_notebook(const CommonOptions& common,
                                        const NotebookOptions& options);
std::unique_ptr<Workload> make_aggressor(const CommonOptions& common,
                                         const AggressorOptions& options);
std::unique_ptr<Workload> make_replay(const CommonOptions& common, const ReplayOptions& options);
std::unique_ptr<Workload> make_noop(const CommonOptions& common, const NoopOptions& options);

/// Kernels to keep in flight: 20 ms of work, as a training program that runs ahead of its GPU does,
/// but at least 2 and at most 256.
uint32_t depth_for(double kernel_us);

}  // namespace corun::synthetic
