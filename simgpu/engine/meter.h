// Counts load over time into what NVML tells: utilisation, power, energy, temperature.
//
// The device's load is constant between events, so run(t, load) before each change gives exact
// integrals. NVML-like figures are means over fixed periods from `start` on; a period's end splits
// an integral at the same moment however time is advanced, so that readings depend on nothing else.
#pragma once

#include "core/clock.h"
#include "simgpu/engine/profile.h"

namespace corun::simgpu {

/// The device's load between two events.
struct Load {
  bool busy = false;
  bool contexts = false;  ///< whether any context exists
  double sm_share = 0;    ///< 0..1
  double dram_bytes_per_ns = 0;
};

class Meter {
 public:
  Meter(const Profile& profile, Instant start);

  Instant period_end() const { return period_end_; }
  /// Counts `load` up to `t`. Precondition: t <= period_end().
  void run(Instant t, const Load& load);
  /// Ends the period. Precondition: run() has counted up to period_end().
  void end_period();

  Nanos busy() const { return busy_; }
  double sm_ns() const { return sm_ns_; }
  double dram_bytes() const { return dram_bytes_; }
  double energy_j() const { return energy_j_; }

  // Of the last complete period.
  double utilization() const { return utilization_; }
  double memory_utilization() const { return memory_utilization_; }
  double power_w() const { return power_w_; }
  double temperature_c() const { return temperature_c_; }

 private:
  double watts(const Load& load) const;

  const Profile* profile_;
  Instant at_;
  Instant period_end_;
  Nanos busy_{0};
  double sm_ns_ = 0;
  double dram_bytes_ = 0;
  double energy_j_ = 0;

  Nanos busy_before_{0};
  double dram_before_ = 0;
  double energy_before_ = 0;
  double utilization_ = 0;
  double memory_utilization_ = 0;
  double power_w_ = 0;
  double temperature_c_ = 0;
};

}  // namespace corun::simgpu
