// The networks themselves: a row's outputs do not depend on who shares its batch, the same seed
// gives the same network, graphs' sizes.
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "workloads/inference/torch/graph_sizes.h"
#include "workloads/inference/torch/runner.h"

namespace corun::inference {
namespace {

struct NetworkCase {
  const char* name;
  NetworkPlan plan;
};

std::vector<NetworkCase> tiny_networks() {
  return {{"resnet50", resnet50_plan(true)},
          {"bert", bert_plan(false, 12, true)},
          {"vit", vit_plan(true)},
          {"unet", unet_plan(true)},
          {"embedding", embedding_plan(100, 8, 6)},
          {"dlrm", dlrm_plan({.tables = 3, .rows = 50, .width = 8, .lookups = 2}, true)}};
}

std::unique_ptr<Runner> make_runner(const NetworkPlan& plan, uint64_t seed = 1) {
  return Runner::create(plan, {.place = {}, .seed = seed, .graphs = false, .max_batch = 4}).value();
}

TEST(Networks, ABatchIsItsRows) {
  const c10::InferenceMode mode;
  for (const NetworkCase& one : tiny_networks()) {
    SCOPED_TRACE(one.name);
    const auto runner = make_runner(one.plan);
    runner->fill(3);
    const at::Tensor batch = runner->run(3).front().clone();
    for (int64_t row = 0; row < 3; ++row) {
      for (size_t i = 0; i < one.plan.inputs.size(); ++i) {
        at::Tensor single = runner->inputs(1)[i];
        single.copy_(runner->inputs(3)[i].narrow(0, row, 1));
      }
      const at::Tensor alone = runner->run(1).front();
      EXPECT_TRUE(at::allclose(alone, batch.narrow(0, row, 1), 1e-4, 1e-4)) << "row " << row;
    }
    EXPECT_FALSE(at::allclose(batch[0], batch[1], 1e-4, 1e-4)) << "rows differ by their inputs";
  }
}

TEST(Networks, ASeedIsANetwork) {
  const c10::InferenceMode mode;
  for (const NetworkCase& one : tiny_networks()) {
    SCOPED_TRACE(one.name);
    const auto digest = [&](uint64_t seed) {
      const auto runner = make_runner(one.plan, seed);
      runner->fill(2);
      return digest_of(runner->run(2));
    };
    EXPECT_EQ(digest(1), digest(1));
    EXPECT_NE(digest(1), digest(2));
  }
}

TEST(Networks, OutputsAreAsPromised) {
  const c10::InferenceMode mode;
  for (const NetworkCase& one : tiny_networks()) {
    const auto runner = make_runner(one.plan);
    runner->fill(2);
    const at::Tensor& output = runner->run(2).front();
    Shape shape = one.plan.outputs.front().shape;
    shape.insert(shape.begin(), 2);
    EXPECT_EQ(output.sizes().vec(), shape) << one.name;
    EXPECT_TRUE(at::isfinite(output).all().item<bool>()) << one.name;
    EXPECT_GT(runner->weight_bytes(), 0U);
  }
}

TEST(Networks, GraphsNeedAGpu) {
  const auto made = Runner::create(vit_plan(true), {.place = {}, .graphs = true, .max_batch = 4});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::kUnsupported);
}

TEST(NearlyEqual, TellsAnotherResultFromAnotherOrder) {
  const at::Tensor wanted = at::tensor({1.0, -8.0, 0.5});
  EXPECT_TRUE(nearly_equal(wanted + 0.1, wanted));
  EXPECT_FALSE(nearly_equal(wanted + 0.2, wanted));
  EXPECT_FALSE(nearly_equal(at::zeros({3}), wanted));
}

TEST(GraphSizes, PowersOfTwoAndTheLargest) {
  EXPECT_EQ(power_sizes(1, 8), (std::vector<int64_t>{8, 4, 2, 1}));
  EXPECT_EQ(power_sizes(1, 6), (std::vector<int64_t>{6, 4, 2, 1}));
  EXPECT_EQ(power_sizes(256, 100), (std::vector<int64_t>{100}));
  EXPECT_EQ(size_that_holds(5, 1, 6), 6);
  EXPECT_EQ(size_that_holds(3, 1, 6), 4);
  EXPECT_EQ(size_that_holds(1, 256, 100), 100);
}

}  // namespace
}  // namespace corun::inference
