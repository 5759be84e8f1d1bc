#include "gpu/events.h"

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <thread>

namespace corun::gpu {

namespace {

// How long the end of a watch may take: the wait has no other way to be woken.
constexpr unsigned kWaitMs = 200;

std::optional<GpuEvent::Kind> kind_of(uint64_t bit) {
  if (bit == nvml::kEventXid) return GpuEvent::Kind::kXid;
  if (bit == nvml::kEventSingleBitEcc) return GpuEvent::Kind::kSingleBitEcc;
  if (bit == nvml::kEventDoubleBitEcc) return GpuEvent::Kind::kDoubleBitEcc;
  return std::nullopt;
}

bool has_events(const Nvml& nvml) {
  return nvml.nvmlDeviceGetSupportedEventTypes != nullptr &&
         nvml.nvmlDeviceRegisterEvents != nullptr && nvml.nvmlEventSetCreate != nullptr &&
         nvml.nvmlEventSetWait != nullptr && nvml.nvmlEventSetFree != nullptr;
}

}  // namespace

bool xid_concerns_device(uint64_t xid) { return xid != 13 && xid != 31 && xid != 43; }

std::string to_string(const GpuEvent& event) {
  switch (event.kind) {
    case GpuEvent::Kind::kXid:
      return fmt::format("XID {}", event.xid);
    case GpuEvent::Kind::kSingleBitEcc:
      return "corrected ECC error";
    case GpuEvent::Kind::kDoubleBitEcc:
      return "uncorrectable ECC error";
  }
  return "unknown event";
}

struct EventWatch::State {
  State(std::shared_ptr<const Nvml> library, nvml::EventSetHandle events)
      : nvml(std::move(library)), set(events) {}
  ~State() {
    stopping = true;
    if (thread.joinable()) thread.join();
    nvml->nvmlEventSetFree(set);
  }

  void run() {
    while (!stopping) {
      nvml::EventData data{};
      const nvml::Code code = nvml->nvmlEventSetWait(set, &data, kWaitMs);
      if (code == nvml::Code::kTimeout) continue;
      if (code != nvml::Code::kSuccess) return;  // the GPU is lost: telemetry reports that
      const auto kind = kind_of(data.kind);
      if (!kind) continue;
      const std::lock_guard lock(mutex);
      received.push_back({monotonic_now(), *kind, data.data});
    }
  }

  std::shared_ptr<const Nvml> nvml;  // shared with the other watchers of the node
  nvml::EventSetHandle set;
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  std::vector<GpuEvent> received;  // guarded by mutex
  std::thread thread;
};

EventWatch::EventWatch(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([watch = state_.get()] { watch->run(); });
}
EventWatch::EventWatch(EventWatch&&) noexcept = default;
EventWatch& EventWatch::operator=(EventWatch&&) noexcept = default;
EventWatch::~EventWatch() = default;

Result<std::optional<EventWatch>> EventWatch::start(std::shared_ptr<const Nvml> nvml,
                                                    const GpuInfo& gpu) {
  if (!has_events(*nvml)) return std::optional<EventWatch>();
  CORUN_ASSIGN(const nvml::DeviceHandle device, nvml->device_by_uuid(gpu.uuid));
  constexpr uint64_t kWanted =
      nvml::kEventXid | nvml::kEventSingleBitEcc | nvml::kEventDoubleBitEcc;
  const uint64_t supported =
      Nvml::read<uint64_t>(nvml->nvmlDeviceGetSupportedEventTypes, device).value_or(0) & kWanted;
  if (supported == 0) return std::optional<EventWatch>();
  nvml::EventSetHandle set = nullptr;
  CORUN_TRY(nvml->check(nvml->nvmlEventSetCreate(&set), "nvmlEventSetCreate"));
  const nvml::Code code = nvml->nvmlDeviceRegisterEvents(device, supported, set);
  if (code != nvml::Code::kSuccess) {
    nvml->nvmlEventSetFree(set);
    const Error error = nvml->check(code, "nvmlDeviceRegisterEvents").error();
    if (error.kind == ErrorKind::kUnsupported) return std::optional<EventWatch>();
    return error;
  }
  return std::optional<EventWatch>(EventWatch(std::make_unique<State>(std::move(nvml), set)));
}

std::vector<GpuEvent> EventWatch::take() {
  const std::lock_guard lock(state_->mutex);
  return std::exchange(state_->received, {});
}

}  // namespace corun::gpu
