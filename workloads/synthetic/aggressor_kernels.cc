// Aggressors that press with kernels: FP32, tensor cores, L2, DRAM.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/units.h"
#include "workloads/synthetic/aggressor.h"

namespace corun::synthetic {

namespace {

constexpr double kTera = 1e12;

/// One piece is one kernel of options().kernel_us on eight blocks an SM.
class KernelAggressor : public Aggressor {
 public:
  using Aggressor::Aggressor;

 protected:
  /// Launches the kernel with so much work; what the amount means is the kind's own.
  virtual Status launch(uint32_t amount) = 0;

  Result<Nanos> fit() override {
    // The iterations of corun_burn are not needed here, but its launches raise the clocks.
    CORUN_TRY(calibrate_burn(blocks(), options().kernel_us));
    const auto enqueue = [this](uint32_t amount) { return step(amount); };
    CORUN_ASSIGN(const Calibration found,
                 calibrate_on_gpu(gpu(), options().kernel_us, enqueue, least_amount()));
    amount_ = found.iterations;
    note(fmt::format("calibrated: an amount of {} takes {:.2f} us", amount_, found.duration_us));
    return from_micros(found.duration_us);
  }
  Status submit(Pump& pump) override {
    return pump.submit(gpu().stream(), 1, [this] { return step(amount_); });
  }
  virtual uint32_t least_amount() const { return 1; }
  uint32_t blocks() const { return 8 * gpu().sm_count(); }
  uint32_t amount() const { return amount_; }

 private:
  Status step(uint32_t amount) {
    CORUN_TRY(launch(amount));
    state().launched(1);
    return {};
  }
  uint32_t amount_ = 1;
};

/// Amount: iterations of fused multiply-adds or of matrix products.
class ComputeAggressor final : public KernelAggressor {
 public:
  using KernelAggressor::KernelAggressor;

 protected:
  Status launch(uint32_t iterations) override {
    const Kernels& kernels = gpu().kernels();
    const cuda::StreamHandle stream = gpu().stream().get();
    return tensor() ? kernels.tensor(stream, blocks(), state().argument(), iterations)
                    : kernels.burn(stream, blocks(), state().argument(), iterations);
  }
  std::string achieved(double kernels_per_s) const override {
    const double flops = (tensor() ? kTensorFlops : kBurnFlops) * blocks() * amount();
    return fmt::format("{:.2f} TFLOP/s {}", kernels_per_s * flops / kTera,
                       tensor() ? "on the tensor cores (FP16 in, FP32 out)" : "in FP32");
  }

 private:
  bool tensor() const { return options().kind == AggressorKind::kTensor; }
};

/// Amount: passes over a working set in the order of the L2's size.
class L2Aggressor final : public KernelAggressor {
 public:
  using KernelAggressor::KernelAggressor;

 protected:
  Status prepare() override {
    const double multiple = options().working_set > 0 ? options().working_set : 0.75;
    const auto bytes = static_cast<uint64_t>(static_cast<double>(gpu().l2_bytes()) * multiple);
    CORUN_ASSIGN(data_, allocate(std::max(bytes, kMiB) / kElementBytes * kElementBytes));
    CORUN_TRY(data_.fill(0, gpu().stream().get()));
    return gpu().stream().synchronize();
  }
  Status launch(uint32_t passes) override {
    return gpu().kernels().l2_read(gpu().stream().get(), blocks(), state().argument(), passes,
                                   data_.address(), elements());
  }
  std::string achieved(double kernels_per_s) const override {
    const double bytes = static_cast<double>(data_.bytes()) * amount();
    return fmt::format("{:.3f} TB/s read from a working set of {}", kernels_per_s * bytes / kTera,
                       format_bytes(data_.bytes()));
  }

 private:
  uint32_t elements() const { return static_cast<uint32_t>(data_.bytes() / kElementBytes); }
  gpu::DeviceMemory data_;
};

/// Amount: KiB copied by one kernel. Kernels go through a source and a target that are far larger
/// than the L2, one part after the other.
class DramAggressor final : public KernelAggressor {
 public:
  using KernelAggressor::KernelAggressor;

 protected:
  Status prepare() override {
    const double mib = options().transfer_mib > 0 ? options().transfer_mib : 4096;
    const uint64_t half = static_cast<uint64_t>(mib / 2) * kMiB;
    CORUN_ASSIGN(source_, allocate(std::max(half, kMiB)));
    CORUN_ASSIGN(target_, allocate(source_.bytes()));
    return {};
  }
  Status launch(uint32_t kib) override {
    const uint64_t bytes = part_bytes(kib);
    if (offset_ + bytes > source_.bytes()) offset_ = 0;
    const uint64_t at = offset_;
    offset_ += bytes;
    return gpu().kernels().dram_copy(gpu().stream().get(), blocks(), state().argument(), 1,
                                     target_.address() + at, source_.address() + at,
                                     static_cast<uint32_t>(bytes / kElementBytes));
  }
  uint32_t least_amount() const override { return 64 * 1024; }
  std::string achieved(double kernels_per_s) const override {
    const double moved = 2.0 * static_cast<double>(part_bytes(amount()));
    return fmt::format("{:.3f} TB/s read and written, through {}", kernels_per_s * moved / kTera,
                       format_bytes(source_.bytes() + target_.bytes()));
  }

 private:
  uint64_t part_bytes(uint32_t kib) const {
    return std::min<uint64_t>(uint64_t{kib} * kKiB, source_.bytes());
  }
  gpu::DeviceMemory source_, target_;
  uint64_t offset_ = 0;
};

}  // namespace

std::unique_ptr<Workload> make_compute_aggressor(const CommonOptions& common,
                                                 const AggressorOptions& options) {
  return std::make_unique<ComputeAggressor>(common, options);
}
std::unique_ptr<Workload> make_l2_aggressor(const CommonOptions& common,
                                            const AggressorOptions& options) {
  return std::make_unique<L2Aggressor>(common, options);
}
std::unique_ptr<Workload> make_dram_aggressor(const CommonOptions& common,
                                              const AggressorOptions& options) {
  return std::make_unique<DramAggressor>(common, options);
}

}  // namespace corun::synthetic
