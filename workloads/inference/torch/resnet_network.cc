// ResNet-50 (He et al., 2015) as it is served: the norms' running figures are constant then, so
// they are part of the convolutions before them.
#include <optional>

#include "workloads/inference/torch/layers.h"
#include "workloads/inference/torch/network.h"

namespace corun::inference {

namespace {

struct ResnetShape {
  int64_t blocks[4];
  int64_t width;
  int64_t side;
  int64_t classes;
};
constexpr ResnetShape kResnet50{{3, 4, 6, 3}, 64, 224, 1000};
constexpr ResnetShape kTinyResnet{{1, 1, 1, 1}, 8, 32, 10};
constexpr int64_t kExpansion = 4;  ///< of a block's last convolution

struct ConvolutionLayer {
  at::Tensor kernel, bias;
  int64_t stride = 1;
  at::Tensor operator()(const at::Tensor& x) const {
    return at::conv2d(x, kernel, bias, stride, kernel.size(2) / 2);
  }
};

struct ResnetBlock {
  ConvolutionLayer reduce, middle, expand;
  std::optional<ConvolutionLayer> shortcut;
};

class ResnetNetwork final : public Network {
 public:
  ResnetNetwork(const ResnetShape& shape, Weights& weights) : type_(weights.place().type) {
    int64_t channels = shape.width;
    stem_ = convolution(weights, 3, channels, 7, 2);
    for (size_t stage = 0; stage < std::size(shape.blocks); ++stage) {
      for (int64_t i = 0; i < shape.blocks[stage]; ++i) {
        const int64_t stride = stage > 0 && i == 0 ? 2 : 1;
        blocks_.push_back(block(weights, channels, shape.width << stage, stride));
        channels = (shape.width << stage) * kExpansion;
      }
    }
    head_ = LinearLayer(weights, channels, shape.classes);
  }

  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs) override {
    at::Tensor x = from_pixels(inputs.front(), type_);
    x = at::max_pool2d(stem_(x).relu_(), 3, 2, 1);
    for (const ResnetBlock& block : blocks_) {
      const at::Tensor y = block.expand(block.middle(block.reduce(x).relu_()).relu_());
      x = (block.shortcut ? (*block.shortcut)(x) : x).add(y).relu_();
    }
    x = at::adaptive_avg_pool2d(x, {1, 1}).flatten(1);
    return {head_(x).to(at::kFloat)};
  }

 private:
  /// `gain`: what a block adds is small against what it is added to, as after a training.
  static ConvolutionLayer convolution(Weights& weights, int64_t from, int64_t to, int64_t side,
                                      int64_t stride, double gain = 1) {
    const double deviation = gain * std::sqrt(2.0 / static_cast<double>(from * side * side));
    return {.kernel = weights.normal({to, from, side, side}, deviation)
                          .contiguous(at::MemoryFormat::ChannelsLast),
            .bias = weights.normal({to}, 0.02),
            .stride = stride};
  }

  static ResnetBlock block(Weights& weights, int64_t from, int64_t width, int64_t stride) {
    constexpr double kSmall = 0.2;
    const int64_t to = width * kExpansion;
    ResnetBlock made{.reduce = convolution(weights, from, width, 1, 1),
                     .middle = convolution(weights, width, width, 3, stride),
                     .expand = convolution(weights, width, to, 1, 1, kSmall),
                     .shortcut = {}};
    if (stride != 1 || from != to) made.shortcut = convolution(weights, from, to, 1, stride);
    return made;
  }

  at::ScalarType type_;
  ConvolutionLayer stem_;
  std::vector<ResnetBlock> blocks_;
  LinearLayer head_;
};

}  // namespace

NetworkPlan resnet50_plan(bool tiny) {
  const ResnetShape& shape = tiny ? kTinyResnet : kResnet50;
  return {.inputs = {{"PIXELS", DataType::kUint8, {shape.side, shape.side, 3}}},
          .outputs = {{"LOGITS", DataType::kFp32, {shape.classes}}},
          .build = [shape](Weights& weights) -> std::unique_ptr<Network> {
            return std::make_unique<ResnetNetwork>(shape, weights);
          }};
}

}  // namespace corun::inference
