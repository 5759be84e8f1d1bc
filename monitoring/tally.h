// What is counted over the cycles for the exporter: how long slices and waits were, and XIDs.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "monitoring/readings.h"

namespace corun::monitoring {

inline constexpr double kLengthBounds[] = {1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3,
                                           0.01, 0.03, 0.1,  0.3,  1.0,  3.0};

struct LengthHistogram {
  std::vector<uint64_t> counts = std::vector<uint64_t>(std::size(kLengthBounds) + 1);
  double sum = 0;
  void add(double seconds);
};

struct XidCount {
  uint64_t count = 0;
  double last = 0;  ///< unix seconds
};

/// Safe from any thread.
class Tally {
 public:
  using WorkloadKey = std::pair<std::string, std::string>;  ///< GPU, workload
  struct Counts {
    std::map<WorkloadKey, LengthHistogram> quanta;  ///< blocks "run"
    std::map<WorkloadKey, LengthHistogram> waits;   ///< blocks "wait"
    std::map<std::pair<std::string, uint64_t>, XidCount> xids;
    std::map<std::pair<std::string, std::string>, uint64_t> events;  ///< GPU, kind
    uint64_t cycles = 0;
    double began = 0;  ///< unix seconds of the first cycle; what was before is not counted
  };

  void add(const News& news);
  Counts counts() const;

 private:
  mutable std::mutex mutex_;
  Counts counts_;  ///< guarded by mutex_
};

}  // namespace corun::monitoring
