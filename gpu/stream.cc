#include "gpu/stream.h"

namespace corun::gpu {

namespace {

Result<bool> finished(const Driver& driver, cuda::Code code, const char* call) {
  if (code == cuda::Code::kNotReady) return false;
  CORUN_TRY(driver.check(code, call));
  return true;
}

}  // namespace

Result<Event> Event::create(const Driver& driver, unsigned flags) {
  cuda::EventHandle event = nullptr;
  CORUN_CUDA(driver, cuEventCreate, &event, flags);
  return Event(Handle(driver, event));
}

Status Event::record(cuda::StreamHandle stream) const {
  const Driver& driver = event_.driver();
  return driver.check(driver.cuEventRecord(event_.get(), stream), "cuEventRecord");
}

Result<bool> Event::done() const {
  const Driver& driver = event_.driver();
  return finished(driver, driver.cuEventQuery(event_.get()), "cuEventQuery");
}

Status Event::synchronize() const {
  const Driver& driver = event_.driver();
  return driver.check(driver.cuEventSynchronize(event_.get()), "cuEventSynchronize");
}

Result<Nanos> Event::since(const Event& start) const {
  float milliseconds = 0;
  CORUN_CUDA(event_.driver(), cuEventElapsedTime, &milliseconds, start.get(), event_.get());
  return from_seconds(static_cast<double>(milliseconds) * 1e-3);
}

Result<Stream> Stream::create(const Driver& driver, Options options) {
  cuda::StreamHandle stream = nullptr;
  CORUN_CUDA(driver, cuStreamCreateWithPriority, &stream, options.flags, options.priority);
  return Stream(Handle(driver, stream));
}

Status Stream::synchronize() const {
  return driver().check(driver().cuStreamSynchronize(get()), "cuStreamSynchronize");
}

Result<bool> Stream::idle() const {
  return finished(driver(), driver().cuStreamQuery(get()), "cuStreamQuery");
}

Status Stream::wait(const Event& event) const {
  return driver().check(driver().cuStreamWaitEvent(get(), event.get(), 0), "cuStreamWaitEvent");
}

}  // namespace corun::gpu
