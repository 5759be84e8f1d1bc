#include "workloads/synthetic/factories.h"
#include "workloads/synthetic/workload.h"

namespace corun::synthetic {

std::unique_ptr<Workload> make_workload(const Options& options) {
  const CommonOptions& common = options.common;
  if (const auto* work = std::get_if<TrainOptions>(&options.work)) return make_train(common, *work);
  if (const auto* work = std::get_if<InferOptions>(&options.work)) return make_infer(common, *work);
  if (const auto* work = std::get_if<NotebookOptions>(&options.work)) {
    return make_notebook(common, *work);
  }
  if (const auto* work = std::get_if<AggressorOptions>(&options.work)) {
    return make_aggressor(common, *work);
  }
  if (const auto* work = std::get_if<ReplayOptions>(&options.work)) {
    return make_replay(common, *work);
  }
  return make_noop(common, std::get<NoopOptions>(options.work));
}

}  // namespace corun::synthetic
