// Streams and events.
#include "simgpu/driver/api.h"
#include "simgpu/driver/driver.h"
#include "simgpu/driver/enqueue.h"

namespace corun::simgpu::driver::api {

namespace {

/// The stream of a call that synchronises or asks; a capture does not survive such a call.
Code stream_for_query(Entered& call, StreamHandle handle, Stream** stream) {
  if (call.code() != Code::kSuccess) return call.code();
  *stream = call.driver.stream(*call.context, handle);
  if (*stream == nullptr) return Code::kInvalidHandle;
  if ((*stream)->capture) {
    (*stream)->capture->invalid = true;
    return Code::kStreamCaptureUnsupported;
  }
  return Code::kSuccess;
}

Code event_of(const Entered& call, EventHandle handle, Event** event) {
  if (call.code() != Code::kSuccess) return call.code();
  *event = reinterpret_cast<Event*>(handle);
  return call.driver.events.contains(*event) ? Code::kSuccess : Code::kInvalidHandle;
}

}  // namespace

Code cuStreamCreateWithPriority(StreamHandle* stream, unsigned flags, int priority) {
  if (stream == nullptr || flags > kStreamNonBlocking) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto made = std::make_unique<Stream>();
  made->context = call.context;
  made->blocking = (flags & kStreamNonBlocking) == 0;
  made->priority = priority;
  *stream = reinterpret_cast<StreamHandle>(made.get());
  call.context->streams.insert(made.get());
  call.driver.streams.insert(made.release());
  return Code::kSuccess;
}

Code cuStreamCreate(StreamHandle* stream, unsigned flags) {
  return api::cuStreamCreateWithPriority(stream, flags, 0);
}

Code cuStreamDestroy(StreamHandle handle) {
  Entered call;
  if (call.context == nullptr) return call.code();
  auto* stream = reinterpret_cast<Stream*>(handle);
  if (call.driver.streams.erase(stream) == 0) return Code::kInvalidHandle;
  stream->context->streams.erase(stream);
  if (stream->capture) {
    stream->capture->invalid = true;
    stream->capture->streams.erase(stream);
  }
  if (stream->id != 0) {
    wire::IdCall message;
    message.id = stream->id;
    call.driver.call(wire::Type::kStreamDestroy, message);
  }
  delete stream;
  return Code::kSuccess;
}

Code cuStreamSynchronize(StreamHandle handle) {
  Entered call(While::kLooks);
  Stream* stream = nullptr;
  const Code code = stream_for_query(call, handle, &stream);
  if (code != Code::kSuccess) return code;
  return call.driver.wait_for_stream(call.lock, *stream);
}

Code cuStreamQuery(StreamHandle handle) {
  Entered call(While::kLooks);
  Stream* stream = nullptr;
  const Code code = stream_for_query(call, handle, &stream);
  if (code != Code::kSuccess) return code;
  return call.driver.idle(*stream) ? Code::kSuccess : Code::kNotReady;
}

Code cuStreamWaitEvent(StreamHandle handle, EventHandle event_handle, unsigned) {
  Entered call;
  Event* event = nullptr;
  if (const Code code = event_of(call, event_handle, &event); code != Code::kSuccess) return code;
  Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  if (const auto capture = event->capture.lock()) {
    if (stream->capture && stream->capture != capture) return Code::kStreamCaptureUnsupported;
    if (!stream->capture) stream->captured.clear();
    stream->capture = capture;  // from here on the stream belongs to the capture
    capture->streams.insert(stream);
    stream->captured.insert(event->captured.begin(), event->captured.end());
    return Code::kSuccess;
  }
  if (stream->capture) {
    stream->capture->invalid = true;
    return Code::kStreamCaptureUnsupported;
  }
  if (!event->stamp || event->stamp->done || call.driver.done(event->stamp->op)) {
    return Code::kSuccess;
  }
  wire::Op wait;
  wait.kind = wire::OpKind::kWait;
  wait.wait_on = event->stamp->op;
  return call.driver.submit(call.lock, *stream, wait, {}, {});
}

Code cuStreamGetCtx(StreamHandle handle, ContextHandle* context) {
  if (context == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  *context = reinterpret_cast<ContextHandle>(stream->context);
  return Code::kSuccess;
}

Code cuStreamGetId(StreamHandle handle, unsigned long long* id) {
  if (id == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  if (stream->number == 0) stream->number = ++call.driver.last_stream_number;
  *id = stream->number;
  return Code::kSuccess;
}

Code cuStreamGetFlags(StreamHandle handle, unsigned* flags) {
  if (flags == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  *flags = stream->blocking ? kStreamDefault : kStreamNonBlocking;
  return Code::kSuccess;
}

Code cuStreamGetPriority(StreamHandle handle, int* priority) {
  if (priority == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  const Stream* stream = call.driver.stream(*call.context, handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  *priority = stream->priority;
  return Code::kSuccess;
}

Code cuEventRecordWithFlags(EventHandle event, StreamHandle stream, unsigned flags) {
  if (flags != 0) {
    say_once("cuEventRecordWithFlags: external event records are not simulated");
    return Code::kNotSupported;
  }
  return api::cuEventRecord(event, stream);
}

Code cuEventCreate(EventHandle* event, unsigned flags) {
  if (event == nullptr) return Code::kInvalidValue;
  const Entered call;
  if (call.code() != Code::kSuccess) return call.code();
  auto made = std::make_unique<Event>();
  made->flags = flags;
  *event = reinterpret_cast<EventHandle>(made.get());
  call.driver.events.insert(made.release());
  return Code::kSuccess;
}

Code cuEventDestroy(EventHandle handle) {
  const Entered call;
  if (call.context == nullptr) return call.code();
  auto* event = reinterpret_cast<Event*>(handle);
  if (call.driver.events.erase(event) == 0) return Code::kInvalidHandle;
  delete event;
  return Code::kSuccess;
}

Code cuEventRecord(EventHandle handle, StreamHandle stream_handle) {
  Entered call;
  Event* event = nullptr;
  if (const Code code = event_of(call, handle, &event); code != Code::kSuccess) return code;
  Stream* stream = call.driver.stream(*call.context, stream_handle);
  if (stream == nullptr) return Code::kInvalidHandle;
  if (stream->capture) {
    event->capture = stream->capture;
    event->captured = stream->captured;
    return Code::kSuccess;
  }
  event->capture.reset();
  wire::Op mark;
  mark.kind = wire::OpKind::kMarker;
  Pending pending;
  pending.stamp = std::make_shared<Stamp>();
  const std::shared_ptr<Stamp> stamp = pending.stamp;
  const Code code = call.driver.submit(call.lock, *stream, mark, {}, std::move(pending));
  if (code == Code::kSuccess) event->stamp = stamp;
  return code;
}

Code cuEventQuery(EventHandle handle) {
  const Entered call(While::kLooks);
  Event* event = nullptr;
  if (const Code code = event_of(call, handle, &event); code != Code::kSuccess) return code;
  return !event->stamp || call.driver.done(event->stamp->op) ? Code::kSuccess : Code::kNotReady;
}

Code cuEventSynchronize(EventHandle handle) {
  Entered call(While::kLooks);
  Event* event = nullptr;
  if (const Code code = event_of(call, handle, &event); code != Code::kSuccess) return code;
  if (!event->stamp) return Code::kSuccess;
  return call.driver.wait_for(call.lock, *call.context, event->stamp->op);
}

Code cuEventElapsedTime(float* milliseconds, EventHandle start_handle, EventHandle end_handle) {
  if (milliseconds == nullptr) return Code::kInvalidValue;
  const Entered call(While::kLooks);
  Event* start = nullptr;
  Event* end = nullptr;
  if (const Code code = event_of(call, start_handle, &start); code != Code::kSuccess) return code;
  if (const Code code = event_of(call, end_handle, &end); code != Code::kSuccess) return code;
  if (((start->flags | end->flags) & kEventDisableTiming) != 0) return Code::kInvalidHandle;
  if (!start->stamp || !end->stamp) return Code::kInvalidHandle;
  if (!start->stamp->done || !end->stamp->done) return Code::kNotReady;
  *milliseconds =
      static_cast<float>(static_cast<double>(end->stamp->at_ns - start->stamp->at_ns) * 1e-6);
  return Code::kSuccess;
}

}  // namespace corun::simgpu::driver::api
