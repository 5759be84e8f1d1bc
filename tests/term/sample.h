// A node as the tests of the terminal view know it: an H200 under corund with four workloads, an
// A100 in MIG instances.
#pragma once

#include "monitoring/snapshot.h"
#include "monitoring/term/slice_tape.h"

namespace corun::monitoring {

Snapshot sample_snapshot();
/// Three seconds of slices that end one second before the snapshot.
SliceTape sample_tape();

}  // namespace corun::monitoring
