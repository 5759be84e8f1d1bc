// A synthetic workload is a tenant like any other: the names of workloads/tenant that all of them
// use.
#pragma once

#include <memory>

#include "workloads/synthetic/options.h"
#include "workloads/tenant/recorder.h"
#include "workloads/tenant/warm_meter.h"
#include "workloads/tenant/workload.h"

namespace corun::synthetic {

using tenant::LongMeter;
using tenant::pipelined_figures;
using tenant::Recorder;
using tenant::SerialMeter;
using tenant::Verification;
using tenant::WarmFigures;
using tenant::Window;
using tenant::WindowOutcome;
using tenant::Workload;

std::unique_ptr<Workload> make_workload(const Options& options);

}  // namespace corun::synthetic
