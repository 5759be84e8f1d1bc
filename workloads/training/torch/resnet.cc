// ResNet (He et al., 2015), with the stride in the 3x3 convolution of a block, as the reference
// implementations of today have it. Convolutions have no bias; a norm follows each.
#include <cmath>

#include "workloads/training/torch/model.h"

namespace corun::training {

namespace {

constexpr int64_t kExpansion = 4;  ///< of a block's last convolution
constexpr double kMomentum = 0.1;
constexpr double kEpsilon = 1e-5;
// Of the pixels of natural images, all channels alike.
constexpr double kPixelMean = 0.45;
constexpr double kPixelDeviation = 0.225;

struct Convolution {
  at::Tensor kernel, weight, bias, mean, variance;
  int64_t stride = 1;
};

at::Tensor apply(const Convolution& c, const at::Tensor& x) {
  const int64_t padding = c.kernel.size(2) / 2;
  const at::Tensor y = at::conv2d(x, c.kernel, {}, c.stride, padding);
  return at::batch_norm(y, c.weight, c.bias, c.mean, c.variance, true, kMomentum, kEpsilon, true);
}

struct Block {
  Convolution reduce, middle, expand;
  std::optional<Convolution> shortcut;
};

class Resnet final : public Model {
 public:
  Resnet(const ResnetSpec& spec, const ImageFormat& images) {
    int64_t channels = spec.width;
    stem_ = convolution("stem", images.channels, channels, 7, 2);
    for (size_t stage = 0; stage < spec.blocks.size(); ++stage) {
      const int64_t width = int64_t{spec.width} << stage;
      for (uint32_t i = 0; i < spec.blocks[stage]; ++i) {
        const int64_t stride = stage > 0 && i == 0 ? 2 : 1;
        const std::string name = "stage" + std::to_string(stage) + "." + std::to_string(i);
        blocks_.push_back(block(name, channels, width, stride));
        channels = width * kExpansion;
      }
    }
    const double deviation = 1 / std::sqrt(static_cast<double>(channels));
    head_ = parameter("head.weight", drawn({images.classes, channels}, deviation));
    head_bias_ = parameter("head.bias", at::zeros({images.classes}));
  }

  at::Tensor loss(const at::Tensor& input, const at::Tensor& target) override {
    at::Tensor x =
        input.to(at::kFloat).div_(255 * kPixelDeviation).sub_(kPixelMean / kPixelDeviation);
    x = x.contiguous(at::MemoryFormat::ChannelsLast);
    x = at::max_pool2d(apply(stem_, x).relu_(), 3, 2, 1);
    for (const Block& block : blocks_) {
      at::Tensor y = apply(block.reduce, x).relu_();
      y = apply(block.middle, y).relu_();
      y = apply(block.expand, y);
      x = y.add_(block.shortcut ? apply(*block.shortcut, x) : x).relu_();
    }
    x = at::adaptive_avg_pool2d(x, {1, 1}).flatten(1);
    return at::cross_entropy_loss(at::linear(x, head_, head_bias_), target.flatten());
  }

 private:
  Convolution convolution(const std::string& name, int64_t from, int64_t to, int64_t side,
                          int64_t stride) {
    const double deviation = std::sqrt(2.0 / static_cast<double>(to * side * side));
    const at::Tensor kernel = drawn({to, from, side, side}, deviation);
    return {
        .kernel = parameter(name + ".kernel", kernel.contiguous(at::MemoryFormat::ChannelsLast)),
        .weight = parameter(name + ".norm.weight", at::ones({to})),
        .bias = parameter(name + ".norm.bias", at::zeros({to})),
        .mean = buffer(name + ".norm.mean", at::zeros({to})),
        .variance = buffer(name + ".norm.variance", at::ones({to})),
        .stride = stride};
  }

  Block block(const std::string& name, int64_t from, int64_t width, int64_t stride) {
    Block made;
    made.reduce = convolution(name + ".reduce", from, width, 1, 1);
    made.middle = convolution(name + ".middle", width, width, 3, stride);
    made.expand = convolution(name + ".expand", width, width * kExpansion, 1, 1);
    if (stride != 1 || from != width * kExpansion) {
      made.shortcut = convolution(name + ".shortcut", from, width * kExpansion, 1, stride);
    }
    return made;
  }

  Convolution stem_;
  std::vector<Block> blocks_;
  at::Tensor head_, head_bias_;
};

}  // namespace

std::unique_ptr<Model> make_resnet(const ResnetSpec& spec, const ImageFormat& images) {
  return std::make_unique<Resnet>(spec, images);
}

}  // namespace corun::training
