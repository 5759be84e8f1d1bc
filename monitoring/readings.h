// What was read in one cycle, as values: the input of the Assembler.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/gpu.h"
#include "engine/client/slices.h"
#include "engine/client/status.h"
#include "gpu/events.h"
#include "monitoring/container_names.h"
#include "monitoring/proc_table.h"
#include "monitoring/snapshot.h"

namespace corun::monitoring {

/// Of one GPU, since the last cycle.
struct GpuReading {
  GpuInfo info;
  std::vector<GpuSnapshot> telemetry;  ///< oldest first; each holds what was due at its instant
  std::vector<gpu::GpuEvent> events;
  std::optional<std::string> error;         ///< why there are no readings now
  std::optional<std::string> compute_mode;  ///< where it was read
  std::optional<Mig> mig;
};

/// Of the daemon of one GPU.
struct DaemonReading {
  std::string gpu;  ///< UUID
  Instant at;       ///< when `status` was read
  client::DaemonStatus status;
  std::vector<client::SliceEntry> slices;  ///< that became known since the last cycle
  std::vector<client::DaemonEvent> events;
  bool missed = false;  ///< slices or events were overwritten before they were read
};

struct Readings {
  Instant now;
  double unix_now = 0;  ///< read together with `now`
  std::vector<GpuReading> gpus;
  std::vector<DaemonReading> daemons;
  /// Of those on a GPU; never null. The same object as in the last cycle while nothing changed.
  std::shared_ptr<const ProcessMap> processes = std::make_shared<const ProcessMap>();
  ContainerNameMap names;  ///< by id of container
  std::optional<double> cpu_ratio;
  std::vector<std::string> errors;  ///< of the collecting itself
};

/// What one cycle gave.
struct News {
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<SliceBlock> blocks;  ///< that became known
  std::vector<Event> events;       ///< that became known
};

}  // namespace corun::monitoring
