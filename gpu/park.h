// Parking: a process's whole GPU state moved to host memory and back, from outside, by the
// driver's checkpoint calls (driver 570 and newer; measured on an H100: 10.8 GB in 7.2 s, back in
// 2.3 s). The process stands still at its next CUDA call meanwhile.
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "gpu/driver.h"

namespace corun::gpu {

/// Nothing, or what the driver lacks (kind: unsupported).
Status can_park(const Driver& driver);

/// Parks all of `pids`, or none: after an error those that were parked run again. Waits at most
/// `lock_patience` for each process's submitted work to drain: open what its streams wait for
/// before. Precondition: the driver is initialised. Errors (unsupported): can_park's; (failed): a
/// process that does not drain, has no GPU state, or cannot be checkpointed (it shares memory with
/// other processes, uses NCCL, MPS or MIG).
Status park(const Driver& driver, std::span<const pid_t> pids, Nanos lock_patience);

/// Whether the GPU of this UUID has so much memory free. A process that is restored where its
/// memory does not fit is taken for lost: the driver was seen to restore it never again
/// (580.159.04, docs/adr/0007). Nothing where NVML does not tell. Errors (failed): there is less,
/// with both figures.
Status check_room(const std::string& gpu_uuid, uint64_t bytes);

/// Whether its GPU state is in host memory; not that of a process that has ended.
bool is_parked(const Driver& driver, pid_t pid);

/// One step towards a process that runs: what is locked is unlocked; what is parked is restored if
/// `room` says that it may be. True: it runs. Errors: room's and the driver's; try again.
Result<bool> bring_back(const Driver& driver, pid_t pid, const std::function<Status()>& room);

/// Restores those of `pids` that are parked and lets all that are locked run again.
/// Precondition: their memory fits (check_room()). Errors: as above; the others are resumed all the
/// same.
Status resume(const Driver& driver, std::span<const pid_t> pids);

}  // namespace corun::gpu
