#include "gpu/context.h"

#include <fmt/format.h>

#include <utility>

namespace corun::gpu {

Result<Context> Context::open(const Driver& driver, int ordinal, unsigned flags) {
  int count = 0;
  CORUN_CUDA(driver, cuDeviceGetCount, &count);
  if (ordinal < 0 || ordinal >= count) {
    return usage_error(fmt::format("no GPU {}: the driver sees {}", ordinal, count),
                       "check CUDA_VISIBLE_DEVICES");
  }
  cuda::Device device = 0;
  CORUN_CUDA(driver, cuDeviceGet, &device, ordinal);
  // An active context keeps its flags; the driver then answers that it is active.
  const cuda::Code set = driver.cuDevicePrimaryCtxSetFlags(device, flags);
  if (set != cuda::Code::kPrimaryContextActive) {
    CORUN_TRY(driver.check(set, "cuDevicePrimaryCtxSetFlags"));
  }
  cuda::ContextHandle handle = nullptr;
  CORUN_CUDA(driver, cuDevicePrimaryCtxRetain, &handle, device);
  Context context(driver, device, handle);
  CORUN_TRY(context.make_current());
  return context;
}

Context::Context(Context&& other) noexcept
    : driver_(other.driver_),
      device_(other.device_),
      context_(std::exchange(other.context_, nullptr)) {}

Context& Context::operator=(Context&& other) noexcept {
  std::swap(driver_, other.driver_);
  std::swap(device_, other.device_);
  std::swap(context_, other.context_);
  return *this;
}

Context::~Context() {
  if (context_ != nullptr) driver_->cuDevicePrimaryCtxRelease(device_);
}

Status Context::make_current() const {
  return driver_->check(driver_->cuCtxSetCurrent(context_), "cuCtxSetCurrent");
}

Status Context::synchronize() const {
  return driver_->check(driver_->cuCtxSynchronize(), "cuCtxSynchronize");
}

Result<int> Context::attribute(cuda::DeviceAttribute attribute) const {
  int value = 0;
  CORUN_CUDA(*driver_, cuDeviceGetAttribute, &value, attribute, device_);
  return value;
}

Result<Context::Memory> Context::memory() const {
  Memory memory{};
  CORUN_CUDA(*driver_, cuMemGetInfo, &memory.free_bytes, &memory.total_bytes);
  return memory;
}

Result<Context::PriorityRange> Context::stream_priorities() const {
  PriorityRange range{};
  CORUN_CUDA(*driver_, cuCtxGetStreamPriorityRange, &range.least, &range.greatest);
  return range;
}

}  // namespace corun::gpu
