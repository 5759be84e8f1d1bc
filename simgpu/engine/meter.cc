#include "simgpu/engine/meter.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace corun::simgpu {

Meter::Meter(const Profile& profile, Instant start)
    : profile_(&profile),
      at_(start),
      period_end_(start + profile.utilization_period),
      power_w_(profile.idle_w),
      temperature_c_(profile.ambient_c + profile.heat_c_per_w * profile.idle_w) {}

double Meter::watts(const Load& load) const {
  const double dram_share = load.dram_bytes_per_ns / (profile_->dram_bytes_per_s * 1e-9);
  const double sum = profile_->idle_w + (load.contexts ? profile_->context_w : 0) +
                     profile_->sm_w * load.sm_share + profile_->dram_w * dram_share;
  return std::min(sum, profile_->power_limit_w);
}

void Meter::run(Instant t, const Load& load) {
  CORUN_CHECK(t <= period_end_, "the meter runs over the end of a period");
  const auto ns = static_cast<double>((t - at_).count());
  if (load.busy) busy_ += t - at_;
  sm_ns_ += load.sm_share * ns;
  dram_bytes_ += load.dram_bytes_per_ns * ns;
  energy_j_ += watts(load) * ns * 1e-9;
  at_ = t;
}

void Meter::end_period() {
  const Nanos period = profile_->utilization_period;
  const double seconds = to_seconds(period);
  utilization_ = to_seconds(busy_ - busy_before_) / seconds;
  memory_utilization_ = (dram_bytes_ - dram_before_) / (profile_->dram_bytes_per_s * seconds);
  power_w_ = (energy_j_ - energy_before_) / seconds;
  const double settled = profile_->ambient_c + profile_->heat_c_per_w * power_w_;
  const double keeps = std::exp(-seconds / to_seconds(profile_->heat_time));
  temperature_c_ = settled + (temperature_c_ - settled) * keeps;
  busy_before_ = busy_;
  dram_before_ = dram_bytes_;
  energy_before_ = energy_j_;
  period_end_ = period_end_ + period;
}

}  // namespace corun::simgpu
