// The series that are kept over time: their names, units and where they come from.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "monitoring/snapshot.h"

namespace corun::monitoring {

struct GpuSeries {
  std::string_view name;
  std::string_view unit;
  bool counter;  ///< only rises: kept with more digits
  std::optional<double> (*value)(const Gpu& gpu);
};
std::span<const GpuSeries> gpu_series();

struct WorkloadSeries {
  std::string_view name;
  std::string_view unit;
  Figure (*value)(const Workload& workload);
};
std::span<const WorkloadSeries> workload_series();

}  // namespace corun::monitoring
