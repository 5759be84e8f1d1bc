#include "gpu/park.h"

#include <fmt/format.h>

#include <optional>

#include "core/units.h"
#include "gpu/nvml.h"

namespace corun::gpu {

namespace {

Status with_pid(Status status, pid_t pid) {
  if (status) return status;
  Error error = status.error();
  error.what = fmt::format("process {}: {}", pid, error.what);
  return error;
}

Result<cuda::ProcessState> state_of(const Driver& driver, pid_t pid) {
  auto state = cuda::ProcessState::kRunning;
  CORUN_TRY(with_pid(
      driver.check(driver.cuCheckpointProcessGetState(pid, &state), "cuCheckpointProcessGetState"),
      pid));
  return state;
}

Status lock_one(const Driver& driver, pid_t pid, unsigned timeout_ms) {
  cuda::CheckpointLockArgs lock{};
  lock.timeout_ms = timeout_ms;
  return with_pid(
      driver.check(driver.cuCheckpointProcessLock(pid, &lock), "cuCheckpointProcessLock"), pid);
}

Status checkpoint_one(const Driver& driver, pid_t pid) {
  cuda::CheckpointArgs args{};
  return with_pid(driver.check(driver.cuCheckpointProcessCheckpoint(pid, &args),
                               "cuCheckpointProcessCheckpoint"),
                  pid);
}

Status resume_one(const Driver& driver, pid_t pid) {
  CORUN_ASSIGN(const cuda::ProcessState state, state_of(driver, pid));
  if (state == cuda::ProcessState::kRunning) return {};
  cuda::CheckpointArgs args{};
  if (state == cuda::ProcessState::kCheckpointed) {
    CORUN_TRY(with_pid(
        driver.check(driver.cuCheckpointProcessRestore(pid, &args), "cuCheckpointProcessRestore"),
        pid));
  }
  args = {};
  return with_pid(
      driver.check(driver.cuCheckpointProcessUnlock(pid, &args), "cuCheckpointProcessUnlock"), pid);
}

}  // namespace

Status check_room(const std::string& gpu_uuid, uint64_t bytes) {
  if (gpu_uuid.empty() || bytes == 0) return {};
  const auto nvml = Nvml::load();
  if (!nvml) return {};
  const auto device = (*nvml)->device_by_uuid(gpu_uuid);
  if (!device) return {};
  const auto memory = Nvml::read<nvml::Memory>((*nvml)->nvmlDeviceGetMemoryInfo, *device);
  if (!memory || memory->free >= bytes) return {};
  return failed(fmt::format("{} of GPU memory are free, {} are needed", format_bytes(memory->free),
                            format_bytes(bytes)));
}

bool is_parked(const Driver& driver, pid_t pid) {
  const auto state = state_of(driver, pid);
  return state && *state == cuda::ProcessState::kCheckpointed;
}

Result<bool> bring_back(const Driver& driver, pid_t pid, const std::function<Status()>& room) {
  CORUN_ASSIGN(cuda::ProcessState state, state_of(driver, pid));
  if (state == cuda::ProcessState::kRunning) return true;
  // Somebody else may be restoring it now: then what is missing is its own memory.
  constexpr Nanos kOthersRestore = std::chrono::seconds(3);
  const Instant give_up = monotonic_now() + kOthersRestore;
  while (state == cuda::ProcessState::kCheckpointed) {
    const Status enough = room();
    if (enough) break;
    if (monotonic_now() >= give_up) return enough.error();
    sleep_until(monotonic_now() + std::chrono::milliseconds(20));
    CORUN_ASSIGN(state, state_of(driver, pid));
  }
  if (state == cuda::ProcessState::kRunning) return true;
  CORUN_TRY(resume_one(driver, pid));
  return false;  // as it seems: the next step tells
}

Status can_park(const Driver& driver) {
  if (driver.cuCheckpointProcessGetState != nullptr && driver.cuCheckpointProcessLock != nullptr &&
      driver.cuCheckpointProcessCheckpoint != nullptr &&
      driver.cuCheckpointProcessRestore != nullptr && driver.cuCheckpointProcessUnlock != nullptr) {
    return {};
  }
  return unsupported("the driver " + driver.path() + " cannot park processes",
                     "install the NVIDIA driver R570 (CUDA 12.8) or newer");
}

Status park(const Driver& driver, std::span<const pid_t> pids, Nanos lock_patience) {
  CORUN_TRY(can_park(driver));
  const auto timeout_ms = static_cast<unsigned>(lock_patience / std::chrono::milliseconds(1));
  const auto undo = [&](size_t touched, Error error) -> Status {
    const Status undone = resume(driver, pids.first(touched));
    if (!undone) error.what += "; and then: " + undone.error().what;
    return error;
  };
  // All are locked before one is moved: most refusals cost no copy.
  for (size_t i = 0; i < pids.size(); ++i) {
    const Status locked = lock_one(driver, pids[i], timeout_ms);
    if (!locked) return undo(i, locked.error());
  }
  for (const pid_t pid : pids) {
    const Status moved = checkpoint_one(driver, pid);
    if (!moved) return undo(pids.size(), moved.error());
  }
  return {};
}

Status resume(const Driver& driver, std::span<const pid_t> pids) {
  CORUN_TRY(can_park(driver));
  std::optional<Error> first;
  for (const pid_t pid : pids) {
    const Status resumed = resume_one(driver, pid);
    if (!resumed && !first) first = resumed.error();
  }
  if (first) return *first;
  return {};
}

}  // namespace corun::gpu
