// Aggressors that press from the host: PCIe copies and a flood of launches.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/stats/random.h"
#include "core/units.h"
#include "workloads/synthetic/aggressor.h"

namespace corun::synthetic {

namespace {

constexpr double kGiga = 1e9;
// Long enough that the host's part of a copy, and its jitter, is below 1 % at 64 GB/s.
constexpr double kCopyMib = 64;

/// One piece is one copy; copies to and from the device alternate, each direction in its own
/// stream. Every copy carries the same pattern: the host checks what has come back.
class PcieAggressor final : public Aggressor {
 public:
  using Aggressor::Aggressor;
  std::string unit() const override { return "copies/s"; }
  Result<std::optional<Verification>> verify() override;

 protected:
  Status prepare() override;
  Result<Nanos> fit() override;
  uint32_t depth() const override { return 4; }
  Status submit(Pump& pump) override;
  WarmFigures figures(uint64_t copies, Nanos elapsed) override {
    return meter_.add(copies, elapsed);
  }
  std::string achieved(double copies_per_s) const override {
    return fmt::format("{:.2f} GB/s over PCIe, both directions together",
                       copies_per_s * static_cast<double>(device_.bytes()) / kGiga);
  }

 private:
  std::span<const uint32_t> words(const gpu::PinnedMemory& memory) const {
    return {static_cast<const uint32_t*>(memory.data()), memory.bytes() / sizeof(uint32_t)};
  }
  Status to_device();
  Status to_host();

  std::optional<gpu::Stream> back_;
  gpu::PinnedMemory pattern_, returned_;
  gpu::DeviceMemory device_;
  LongMeter meter_;
  bool downwards_ = true;
};

Status PcieAggressor::prepare() {
  const double mib = options().transfer_mib > 0 ? options().transfer_mib : kCopyMib;
  const uint64_t bytes = static_cast<uint64_t>(std::max(mib, 1.0)) * kMiB;
  CORUN_ASSIGN(back_, gpu().new_stream());
  CORUN_ASSIGN(device_, allocate(bytes));
  CORUN_ASSIGN(pattern_, gpu::PinnedMemory::allocate(gpu().driver(), bytes));
  CORUN_ASSIGN(returned_, gpu::PinnedMemory::allocate(gpu().driver(), bytes));
  stats::Random random(common().seed);
  auto* out = static_cast<uint32_t*>(pattern_.data());
  for (size_t i = 0; i < bytes / sizeof(uint32_t); ++i) {
    out[i] = static_cast<uint32_t>(random.next());
  }
  return device_.copy_from(pattern_.data(), bytes);
}

Status PcieAggressor::to_device() {
  CORUN_CUDA(gpu().driver(), cuMemcpyHtoDAsync, device_.address(), pattern_.data(),
             pattern_.bytes(), gpu().stream().get());
  return {};
}

Status PcieAggressor::to_host() {
  CORUN_CUDA(gpu().driver(), cuMemcpyDtoHAsync, returned_.data(), device_.address(),
             returned_.bytes(), back_->get());
  return {};
}

Result<Nanos> PcieAggressor::fit() {
  meter_ = LongMeter();
  constexpr int kTries = 5;
  CORUN_ASSIGN(const double copy_us, gpu().time_on_gpu([this] { return to_device(); }, kTries));
  note(fmt::format("calibrated: a copy of {} to the device takes {:.1f} us",
                   format_bytes(device_.bytes()), copy_us));
  return from_micros(copy_us / 2);  // two directions at a time
}

Status PcieAggressor::submit(Pump& pump) {
  downwards_ = !downwards_;
  return downwards_ ? pump.submit(gpu().stream(), 1, [this] { return to_device(); })
                    : pump.submit(*back_, 1, [this] { return to_host(); });
}

Result<std::optional<Verification>> PcieAggressor::verify() {
  std::memset(returned_.data(), 0, returned_.bytes());
  CORUN_TRY(to_host());
  CORUN_TRY(back_->synchronize());
  CORUN_ASSIGN(const std::optional<Verification> steps, Aggressor::verify());
  const bool same = std::memcmp(pattern_.data(), returned_.data(), pattern_.bytes()) == 0;
  return std::optional(Verification{hash_text(hash_words(words(returned_))), steps->ok && same});
}

/// One piece is a batch of the smallest kernels; batches go round four streams, each with a state
/// of its own.
class LaunchAggressor final : public Aggressor {
 public:
  using Aggressor::Aggressor;

 protected:
  static constexpr size_t kStreams = 4;
  static constexpr uint32_t kBatch = 64;

  Status prepare() override {
    for (size_t i = 0; i < kStreams; ++i) {
      CORUN_ASSIGN(gpu::Stream stream, gpu().new_stream());
      streams_.push_back(std::move(stream));
      if (i > 0) CORUN_TRY(add_state());
    }
    return {};
  }
  Result<Nanos> fit() override {
    constexpr int kBatches = 64;
    Pump pump(gpu(), depth(), [](uint64_t) {});
    const Instant start = monotonic_now();
    for (int i = 0; i < kBatches; ++i) CORUN_TRY(submit(pump));
    CORUN_TRY(pump.drain());
    const Nanos batch = (monotonic_now() - start) / kBatches;
    note(fmt::format("calibrated: {} launches take {:.1f} us", kBatch, to_micros(batch)));
    return batch;
  }
  uint32_t depth() const override { return 2 * kStreams; }
  Status submit(Pump& pump) override {
    const size_t stream = turn_++ % kStreams;
    return pump.submit(streams_[stream], kBatch, [this, stream] { return flood(stream); });
  }
  std::string achieved(double launches_per_s) const override {
    return fmt::format("{:.0f} launches/s of empty kernels in {} streams", launches_per_s,
                       kStreams);
  }

 private:
  Status flood(size_t stream) {
    for (uint32_t i = 0; i < kBatch; ++i) {
      CORUN_TRY(gpu().kernels().step(streams_[stream].get(), state(stream).argument()));
      state(stream).launched(1);
    }
    return {};
  }

  std::vector<gpu::Stream> streams_;
  size_t turn_ = 0;
};

}  // namespace

std::unique_ptr<Workload> make_pcie_aggressor(const CommonOptions& common,
                                              const AggressorOptions& options) {
  return std::make_unique<PcieAggressor>(common, options);
}
std::unique_ptr<Workload> make_launch_aggressor(const CommonOptions& common,
                                                const AggressorOptions& options) {
  return std::make_unique<LaunchAggressor>(common, options);
}

}  // namespace corun::synthetic
