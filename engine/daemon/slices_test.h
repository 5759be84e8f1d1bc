// Whether time slices act on this GPU and driver: measured, since the controls may return OK and
// read back without any effect (docs/adr/0006-what-the-hardware-does.md).
//
// Two tenants of corund's own, with slices of 6000 and 2000 us from a private daemon, must share
// the GPU 3:1. That takes a few seconds of an idle GPU, so the verdict is kept per GPU and driver.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "core/model/gpu.h"
#include "core/result.h"
#include "engine/client/status.h"

namespace corun::daemon {

struct SlicesVerdict {
  client::SlicesState state = client::SlicesState::kUnproven;
  std::string why;  ///< with the figures
  bool operator==(const SlicesVerdict&) const = default;
};

/// The verdict on the share (0..1) that the tenant with 6000 us had in each window beside the one
/// with 2000. Proven: 75 % within 5 points every time. Refuted: 50 % within 5 points every time,
/// which is what slices without effect give. Anything else proves nothing: a starved processor, a
/// foreign workload.
SlicesVerdict judge_slices(std::span<const double> heavy_shares);

/// Measures; at most 8 s. Unproven (with the reason) when the GPU is busy or the test could not be
/// made; never an error.
SlicesVerdict measure_slices(const GpuInfo& gpu);

/// $XDG_CACHE_HOME/corun/slices-UUID-DRIVER.json, or below $HOME/.cache; nothing without both.
std::optional<std::filesystem::path> slices_cache_file(const GpuInfo& gpu);
/// What was measured here before, if it was proven or refuted.
std::optional<SlicesVerdict> cached_slices(const GpuInfo& gpu);
/// Keeps a verdict that is proven or refuted.
Status cache_slices(const GpuInfo& gpu, const SlicesVerdict& verdict);

}  // namespace corun::daemon
