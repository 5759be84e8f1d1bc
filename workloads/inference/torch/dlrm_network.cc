// DLRM (Naumov et al., 2019): numbers through one perceptron, rows of large tables beside them,
// each pair of these vectors multiplied, all of it through another perceptron. Small sums over
// random rows: launches and DRAM, hardly any arithmetic.
#include "workloads/inference/torch/layers.h"
#include "workloads/inference/torch/network.h"

namespace corun::inference {

namespace {

constexpr int64_t kNumbers = 13;

class Perceptron {
 public:
  Perceptron() = default;
  Perceptron(Weights& weights, const std::vector<int64_t>& widths) {
    for (size_t i = 1; i < widths.size(); ++i) {
      layers_.emplace_back(weights, widths[i - 1], widths[i]);
    }
  }
  /// The last layer has no ReLU.
  at::Tensor operator()(at::Tensor x) const {
    for (size_t i = 0; i < layers_.size(); ++i) {
      x = layers_[i](x);
      if (i + 1 < layers_.size()) x = x.relu_();
    }
    return x;
  }

 private:
  std::vector<LinearLayer> layers_;
};

class DlrmNetwork final : public Network {
 public:
  DlrmNetwork(const DlrmShape& shape, bool tiny, Weights& weights)
      : shape_(shape), type_(weights.place().type) {
    const std::vector<int64_t> hidden =
        tiny ? std::vector<int64_t>{16} : std::vector<int64_t>{512, 256};
    std::vector<int64_t> bottom{kNumbers};
    bottom.insert(bottom.end(), hidden.begin(), hidden.end());
    bottom.push_back(shape.width);
    const int64_t vectors = shape.tables + 1;
    std::vector<int64_t> top{vectors * (vectors - 1) / 2 + shape.width};
    top.insert(top.end(), hidden.begin(), hidden.end());
    top.push_back(1);
    bottom_ = Perceptron(weights, bottom);
    top_ = Perceptron(weights, top);
    tables_ = weights.normal({shape.tables * shape.rows, shape.width}, 1);
    const at::TensorOptions places = at::TensorOptions().device(weights.place().device);
    first_rows_ = at::arange(shape.tables, places.dtype(at::kLong)).mul_(shape.rows).unsqueeze(1);
    pairs_ = at::tril_indices(vectors, vectors, -1, places.dtype(at::kLong));
    pairs_ = pairs_[0] * vectors + pairs_[1];
  }

  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs) override {
    const int64_t batch = inputs[0].size(0);
    const at::Tensor numbers = bottom_(inputs[0].to(type_));
    const at::Tensor rows = inputs[1].view({batch, shape_.tables, shape_.lookups}) + first_rows_;
    at::Tensor looked_up = at::embedding(tables_, rows);
    looked_up = shape_.lookups == 1 ? looked_up.squeeze(2) : looked_up.sum(at::IntArrayRef{2});
    const at::Tensor vectors = at::cat({numbers.unsqueeze(1), looked_up}, 1);
    const at::Tensor products = at::bmm(vectors, vectors.transpose(1, 2)).flatten(1);
    const at::Tensor crossed = products.index_select(1, pairs_).div(std::sqrt(shape_.width));
    return {top_(at::cat({numbers, crossed}, 1)).to(at::kFloat)};
  }

 private:
  DlrmShape shape_;
  at::ScalarType type_;
  Perceptron bottom_, top_;
  at::Tensor tables_, first_rows_, pairs_;
};

class EmbeddingNetwork final : public Network {
 public:
  EmbeddingNetwork(int64_t rows, int64_t width, Weights& weights)
      : table_(weights.normal({rows, width}, 1)) {}
  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs) override {
    return {at::embedding(table_, inputs.front()).sum(at::IntArrayRef{1}).to(at::kFloat)};
  }

 private:
  at::Tensor table_;
};

}  // namespace

NetworkPlan embedding_plan(int64_t rows, int64_t width, int64_t lookups) {
  return {.inputs = {{"ROWS", DataType::kInt64, {lookups}, rows}},
          .outputs = {{"SUM", DataType::kFp32, {width}}},
          .build = [=](Weights& weights) -> std::unique_ptr<Network> {
            return std::make_unique<EmbeddingNetwork>(rows, width, weights);
          }};
}

NetworkPlan dlrm_plan(const DlrmShape& shape, bool tiny) {
  return {.inputs = {{"NUMBERS", DataType::kFp32, {kNumbers}},
                     {"ROWS", DataType::kInt64, {shape.tables * shape.lookups}, shape.rows}},
          .outputs = {{"LOGIT", DataType::kFp32, {1}}},
          .build = [=](Weights& weights) -> std::unique_ptr<Network> {
            return std::make_unique<DlrmNetwork>(shape, tiny, weights);
          }};
}

}  // namespace corun::inference
