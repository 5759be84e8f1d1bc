#include "benchmarking/gpu_watch.h"

#include <fmt/format.h>

#include "containers/process_container.h"
#include "gpu/events.h"
#include "gpu/nvml.h"
#include "gpu/processes.h"
#include "gpu/telemetry.h"

namespace corun::benchmarking {

namespace {

/// "PID 4711", "PID 4711 in the podman container 4b1d9f0a6c2e".
std::string process_text(int pid) {
  const auto container = containers::container_of_process("/proc", pid);
  if (!container) return fmt::format("PID {}", pid);
  return fmt::format("PID {} in the {} container {}", pid, container->runtime, container->short_id);
}

class NvmlWatch final : public GpuWatch {
 public:
  NvmlWatch(std::shared_ptr<const gpu::Nvml> nvml, nvml::DeviceHandle device, const GpuInfo& info,
            std::unique_ptr<gpu::Telemetry> telemetry, std::optional<gpu::EventWatch> events)
      : nvml_(std::move(nvml)),
        processes_(*nvml_, device, info.memory_bytes),
        telemetry_(std::move(telemetry)),
        events_(std::move(events)),
        view_(gpu::PidView::of_this_process()) {}

  std::vector<GpuSnapshot> take_snapshots() override { return telemetry_->take(); }

  std::vector<std::string> take_events() override {
    std::vector<std::string> texts;
    if (events_) {
      for (const gpu::GpuEvent& event : events_->take()) texts.push_back(gpu::to_string(event));
    }
    if (auto fault = telemetry_->fault(); fault && !fault_told_) {
      fault_told_ = true;
      texts.push_back(fault->text());
    }
    return texts;
  }

  Result<std::vector<GpuProcess>> processes() override { return processes_.read(); }

  std::vector<std::string> foreign(std::span<const GpuProcess> on_gpu,
                                   std::span<const int> ours) const override {
    gpu::ForeignProcesses found = gpu::find_foreign(on_gpu, ours, view_);
    std::vector<std::string> texts;
    for (int pid : found.pids) texts.push_back(process_text(pid));
    if (found.unresolved > 0) {
      texts.push_back(fmt::format("{} more than corun's own", found.unresolved));
    }
    return texts;
  }

 private:
  std::shared_ptr<const gpu::Nvml> nvml_;
  gpu::ProcessList processes_;
  std::unique_ptr<gpu::Telemetry> telemetry_;
  std::optional<gpu::EventWatch> events_;
  gpu::PidView view_;
  bool fault_told_ = false;
};

}  // namespace

Result<std::unique_ptr<GpuWatch>> watch_gpu(const GpuInfo& gpu) {
  CORUN_ASSIGN(std::unique_ptr<gpu::Nvml> loaded, gpu::Nvml::load());
  std::shared_ptr<const gpu::Nvml> nvml = std::move(loaded);
  CORUN_ASSIGN(nvml::DeviceHandle device, nvml->device_by_uuid(gpu.uuid));
  CORUN_ASSIGN(auto telemetry, gpu::Telemetry::start(nvml, gpu));
  CORUN_ASSIGN(auto events, gpu::EventWatch::start(nvml, gpu));
  return std::unique_ptr<GpuWatch>(
      std::make_unique<NvmlWatch>(nvml, device, gpu, std::move(telemetry), std::move(events)));
}

}  // namespace corun::benchmarking
