// A step of a diffusion model: a UNet over latents (Ronneberger et al., 2015; Rombach et al.,
// 2022), which tells the noise in them. Residual convolutions on three scales, attention on the
// lower two: long and middle-sized kernels, as in image generators.
#include "workloads/inference/torch/layers.h"
#include "workloads/inference/torch/network.h"
#include "workloads/torch/torch_compat.h"

namespace corun::inference {

namespace {

struct UnetShape {
  int64_t side;        ///< of the latents
  int64_t channels;    ///< of the first scale; the others have twice and four times as many
  int64_t groups;      ///< of the norms
  int64_t head_width;  ///< of the attention
  int64_t blocks;      ///< of each scale on its way down
};
constexpr UnetShape kFullUnet{64, 320, 32, 64, 2};
constexpr UnetShape kTinyUnet{8, 16, 4, 8, 1};
constexpr int64_t kLatents = 4;
constexpr size_t kScales = 3;
constexpr int64_t kSteps = 1000;  ///< of the noise's schedule

struct GroupNorm {
  at::Tensor weight, bias;
  int64_t groups = 1;
  GroupNorm() = default;
  GroupNorm(Weights& weights, int64_t channels, int64_t count)
      : weight(weights.ones({channels})), bias(weights.zeros({channels})), groups(count) {}
  at::Tensor operator()(const at::Tensor& x) const {
    return at::group_norm(x, groups, weight, bias);
  }
};

struct UnetConvolution {
  at::Tensor kernel, bias;
  int64_t stride = 1;
  UnetConvolution() = default;
  UnetConvolution(Weights& weights, int64_t from, int64_t to, int64_t side, int64_t step = 1)
      : kernel(weights
                   .normal({to, from, side, side},
                           1 / std::sqrt(static_cast<double>(from * side * side)))
                   .contiguous(at::MemoryFormat::ChannelsLast)),
        bias(weights.zeros({to})),
        stride(step) {}
  at::Tensor operator()(const at::Tensor& x) const {
    return at::conv2d(x, kernel, bias, stride, kernel.size(2) / 2);
  }
};

/// Two convolutions with the step's embedding between them, around a shortcut; then attention of
/// all places, on the lower scales.
class UnetBlock {
 public:
  UnetBlock(Weights& weights, const UnetShape& shape, int64_t from, int64_t to, bool attends)
      : first_norm_(weights, from, shape.groups),
        second_norm_(weights, to, shape.groups),
        first_(weights, from, to, 3),
        second_(weights, to, to, 3),
        time_(weights, 4 * shape.channels, to),
        heads_(attends ? to / shape.head_width : 0) {
    if (from != to) shortcut_ = UnetConvolution(weights, from, to, 1);
    if (!attends) return;
    attention_norm_ = GroupNorm(weights, to, shape.groups);
    qkv_ = LinearLayer(weights, to, 3 * to);
    out_ = LinearLayer(weights, to, to);
  }

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& time) const {
    at::Tensor y = first_(at::silu(first_norm_(x)));
    y = y + time_(time).unsqueeze(-1).unsqueeze(-1);
    y = second_(at::silu(second_norm_(y)));
    y = y + (shortcut_.kernel.defined() ? shortcut_(x) : x);
    return heads_ > 0 ? y + attend(y) : y;
  }

 private:
  at::Tensor attend(const at::Tensor& x) const {
    const int64_t batch = x.size(0), width = x.size(1), places = x.size(2) * x.size(3);
    const at::Tensor rows = attention_norm_(x).flatten(2).transpose(1, 2);
    const at::Tensor qkv =
        qkv_(rows).view({batch, places, 3, heads_, width / heads_}).permute({2, 0, 3, 1, 4});
    const at::Tensor seen = libtorch::attention(qkv[0], qkv[1], qkv[2], /*causal=*/false);
    return out_(seen.transpose(1, 2).reshape({batch, places, width})).transpose(1, 2).view_as(x);
  }

  GroupNorm first_norm_, second_norm_, attention_norm_;
  UnetConvolution first_, second_, shortcut_;
  LinearLayer time_, qkv_, out_;
  int64_t heads_;
};

class UnetNetwork final : public Network {
 public:
  UnetNetwork(const UnetShape& shape, Weights& weights)
      : shape_(shape),
        type_(weights.place().type),
        time_first_(weights, shape.channels, 4 * shape.channels),
        time_second_(weights, 4 * shape.channels, 4 * shape.channels),
        first_(weights, kLatents, shape.channels, 3),
        last_norm_(weights, shape.channels, shape.groups),
        last_(weights, shape.channels, kLatents, 3) {
    const at::Device device = weights.place().device;
    const int64_t half = shape.channels / 2;
    const at::TensorOptions floats = at::TensorOptions().dtype(at::kFloat).device(device);
    slower_ = at::arange(half, floats).mul_(-std::log(10'000.0) / static_cast<double>(half)).exp_();
    build(weights);
  }

  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs) override {
    const at::Tensor angles = inputs[1].to(at::kFloat) * slower_;
    at::Tensor time = at::cat({at::cos(angles), at::sin(angles)}, 1).to(type_);
    time = at::silu(time_second_(at::silu(time_first_(time))));
    at::Tensor x = first_(inputs[0].to(type_).contiguous(at::MemoryFormat::ChannelsLast));
    std::vector<at::Tensor> kept;
    for (const std::vector<UnetBlock>& scale : down_) {
      for (const UnetBlock& block : scale) kept.push_back(x = block(x, time));
      if (&scale != &down_.back()) x = narrower_[kept.size() / scale.size() - 1](x);
    }
    x = middle_[0](x, time);
    for (size_t scale = kScales; scale-- > 0;) {
      for (const UnetBlock& block : up_[scale]) {
        x = block(at::cat({x, kept.back()}, 1), time);
        kept.pop_back();
      }
      if (scale > 0)
        x = wider_[scale - 1](at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
    }
    return {last_(at::silu(last_norm_(x))).to(at::kFloat).contiguous()};
  }

 private:
  int64_t channels(size_t scale) const { return shape_.channels << scale; }

  void build(Weights& weights) {
    up_.resize(kScales);
    int64_t width = shape_.channels;
    for (size_t scale = 0; scale < kScales; ++scale) {
      std::vector<UnetBlock> blocks;
      for (int64_t i = 0; i < shape_.blocks; ++i) {
        blocks.emplace_back(weights, shape_, width, channels(scale), scale > 0);
        width = channels(scale);
      }
      down_.push_back(std::move(blocks));
      if (scale + 1 < kScales) narrower_.emplace_back(weights, width, width, 3, 2);
    }
    middle_.emplace_back(weights, shape_, width, width, true);
    for (size_t scale = kScales; scale-- > 0;) {
      for (int64_t i = 0; i < shape_.blocks; ++i) {
        up_[scale].emplace_back(weights, shape_, width + channels(scale), channels(scale),
                                scale > 0);
        width = channels(scale);
      }
    }
    for (size_t scale = 0; scale + 1 < kScales; ++scale) {
      wider_.emplace_back(weights, channels(scale + 1), channels(scale + 1), 3);
    }
  }

  UnetShape shape_;
  at::ScalarType type_;
  LinearLayer time_first_, time_second_;
  UnetConvolution first_;
  std::vector<std::vector<UnetBlock>> down_, up_;  ///< by scale, the largest pictures first
  std::vector<UnetConvolution> narrower_, wider_;  ///< between two scales
  std::vector<UnetBlock> middle_;
  GroupNorm last_norm_;
  UnetConvolution last_;
  at::Tensor slower_;
};

}  // namespace

NetworkPlan unet_plan(bool tiny) {
  const UnetShape shape = tiny ? kTinyUnet : kFullUnet;
  return {.inputs = {{"LATENTS", DataType::kFp32, {kLatents, shape.side, shape.side}},
                     {"STEP", DataType::kInt64, {1}, kSteps}},
          .outputs = {{"NOISE", DataType::kFp32, {kLatents, shape.side, shape.side}}},
          .build = [shape](Weights& weights) -> std::unique_ptr<Network> {
            return std::make_unique<UnetNetwork>(shape, weights);
          }};
}

}  // namespace corun::inference
