// Checkpoint calls: another process's GPU state to host memory and back. The server does it; the
// process itself only stands still at its next call.
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver::api {

namespace {

Code take_step(int pid, wire::CheckpointStep step, unsigned timeout_ms, ProcessState* state) {
  Driver& driver = Driver::get();
  const Lock lock(driver.mutex);
  if (!driver.initialised()) return Code::kNotInitialized;
  wire::Checkpoint message;
  message.pid = pid;
  message.step = step;
  message.timeout_ms = timeout_ms;
  const auto answer = driver.call(wire::Type::kCheckpoint, message);
  if (!answer) return Code::kUnknown;
  if (state != nullptr) *state = static_cast<ProcessState>(answer->count);
  return to_cuda(answer->code);
}

}  // namespace

Code cuCheckpointProcessGetState(int pid, ProcessState* state) {
  if (state == nullptr) return Code::kInvalidValue;
  return take_step(pid, wire::CheckpointStep::kGetState, 0, state);
}

Code cuCheckpointProcessLock(int pid, CheckpointLockArgs* args) {
  const unsigned timeout_ms = args == nullptr ? 0 : args->timeout_ms;
  return take_step(pid, wire::CheckpointStep::kLock, timeout_ms, nullptr);
}

Code cuCheckpointProcessCheckpoint(int pid, CheckpointArgs*) {
  return take_step(pid, wire::CheckpointStep::kCheckpoint, 0, nullptr);
}

Code cuCheckpointProcessRestore(int pid, CheckpointArgs* args) {
  if (args != nullptr && (args->reserved[0] != 0 || args->reserved[1] != 0)) {
    say_once("restoring to another GPU is not simulated");
    return Code::kNotSupported;
  }
  return take_step(pid, wire::CheckpointStep::kRestore, 0, nullptr);
}

Code cuCheckpointProcessUnlock(int pid, CheckpointArgs*) {
  return take_step(pid, wire::CheckpointStep::kUnlock, 0, nullptr);
}

}  // namespace corun::simgpu::driver::api
