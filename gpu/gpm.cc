#include "gpu/gpm.h"

#include <array>
#include <cmath>

namespace corun::gpu {

namespace {

struct Wanted {
  nvml::GpmMetricId id;
  std::optional<double> GpuSnapshot::*field;
  double scale;
};

constexpr double kPercent = 0.01;
constexpr std::array<Wanted, 6> kWanted{{
    {nvml::GpmMetricId::kSmUtil, &GpuSnapshot::sm_active, kPercent},
    {nvml::GpmMetricId::kSmOccupancy, &GpuSnapshot::sm_occupancy, kPercent},
    {nvml::GpmMetricId::kTensorUtil, &GpuSnapshot::tensor_active, kPercent},
    {nvml::GpmMetricId::kDramUtil, &GpuSnapshot::dram_active, kPercent},
    {nvml::GpmMetricId::kPcieRxMibPerSecond, &GpuSnapshot::pcie_rx_mib_s, 1.0},
    {nvml::GpmMetricId::kPcieTxMibPerSecond, &GpuSnapshot::pcie_tx_mib_s, 1.0},
}};

}  // namespace

bool GpmReader::supported(const Nvml& nvml, nvml::DeviceHandle device) {
  if (nvml.nvmlGpmQueryDeviceSupport == nullptr || nvml.nvmlGpmSampleAlloc == nullptr ||
      nvml.nvmlGpmSampleFree == nullptr || nvml.nvmlGpmSampleGet == nullptr ||
      nvml.nvmlGpmMetricsGet == nullptr) {
    return false;
  }
  nvml::GpmSupport support{nvml::kGpmVersion, 0};
  return nvml.nvmlGpmQueryDeviceSupport(device, &support) == nvml::Code::kSuccess &&
         support.supported != 0;
}

GpmReader::Sample GpmReader::allocate(const Nvml& nvml) {
  nvml::GpmSampleHandle sample = nullptr;
  if (nvml.nvmlGpmSampleAlloc(&sample) != nvml::Code::kSuccess) sample = nullptr;
  return {sample, FreeSample{&nvml}};
}

std::optional<GpmReader> GpmReader::open(const Nvml& nvml, nvml::DeviceHandle device) {
  if (!supported(nvml, device)) return std::nullopt;
  Sample first = allocate(nvml);
  Sample second = allocate(nvml);
  if (!first || !second) return std::nullopt;
  return GpmReader(nvml, device, std::move(first), std::move(second));
}

GpmReader::GpmReader(const Nvml& nvml, nvml::DeviceHandle device, Sample first, Sample second)
    : nvml_(&nvml),
      device_(device),
      previous_(std::move(first)),
      current_(std::move(second)),
      request_(std::make_unique<nvml::GpmMetricsGet>()) {}

void GpmReader::read(GpuSnapshot* snapshot) {
  if (nvml_->nvmlGpmSampleGet(device_, current_.get()) != nvml::Code::kSuccess) {
    have_previous_ = false;
    return;
  }
  if (have_previous_) {
    *request_ = {};
    request_->version = nvml::kGpmVersion;
    request_->count = static_cast<unsigned>(kWanted.size());
    request_->first = previous_.get();
    request_->second = current_.get();
    for (size_t i = 0; i < kWanted.size(); ++i) request_->metrics[i].id = kWanted[i].id;
    if (nvml_->nvmlGpmMetricsGet(request_.get()) == nvml::Code::kSuccess) {
      for (size_t i = 0; i < kWanted.size(); ++i) {
        const nvml::GpmMetric& metric = request_->metrics[i];
        if (metric.code != nvml::Code::kSuccess || !std::isfinite(metric.value)) continue;
        snapshot->*kWanted[i].field = metric.value * kWanted[i].scale;
      }
    }
  }
  std::swap(previous_, current_);
  have_previous_ = true;
}

}  // namespace corun::gpu
