// Streams and events. A stream belongs to the context that is current when it is created.
#pragma once

#include "core/clock.h"
#include "gpu/handle.h"

namespace corun::gpu {

class Event {
 public:
  /// `flags`: cuda::kEvent...; kEventDisableTiming makes recording cheaper.
  static Result<Event> create(const Driver& driver, unsigned flags = cuda::kEventDefault);

  Status record(cuda::StreamHandle stream) const;
  /// Whether all work recorded before it is done. Errors: that work failed.
  Result<bool> done() const;
  Status synchronize() const;
  /// GPU time from `start` to this event; both recorded with timing, and done.
  Result<Nanos> since(const Event& start) const;
  cuda::EventHandle get() const { return event_.get(); }

 private:
  using Handle = Owned<cuda::EventHandle, &Driver::cuEventDestroy>;
  explicit Event(Handle event) : event_(std::move(event)) {}
  Handle event_;
};

class Stream {
 public:
  struct Options {
    unsigned flags = cuda::kStreamNonBlocking;
    int priority = 0;  ///< in Context::stream_priorities(); smaller runs first
  };
  static Result<Stream> create(const Driver& driver, Options options);
  static Result<Stream> create(const Driver& driver) { return create(driver, Options{}); }

  Status synchronize() const;
  /// Whether all work in it is done. Errors: that work failed.
  Result<bool> idle() const;
  /// Work enqueued from here on waits for `event` (on the GPU, not on the host).
  Status wait(const Event& event) const;
  cuda::StreamHandle get() const { return stream_.get(); }
  const Driver& driver() const { return stream_.driver(); }

 private:
  using Handle = Owned<cuda::StreamHandle, &Driver::cuStreamDestroy>;
  explicit Stream(Handle stream) : stream_(std::move(stream)) {}
  Handle stream_;
};

}  // namespace corun::gpu
