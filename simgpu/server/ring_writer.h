// The server's side of one client's completion ring (wire::Ring).
#pragma once

#include "core/fd.h"
#include "core/result.h"
#include "simgpu/wire/wire.h"

namespace corun::simgpu {

/// Owns the ring's memory. The client can write all of it, so the server keeps its own head and
/// reads only `tail` and `waiters`.
class RingWriter {
 public:
  /// Makes the memory, sealed against shrinking. Errors: the system's.
  static Result<RingWriter> create();
  RingWriter(RingWriter&& other) noexcept;
  RingWriter& operator=(RingWriter&& other) noexcept;
  ~RingWriter();

  /// The descriptor to hand to the client; closed by release_memory_fd().
  int memory_fd() const { return memory_.get(); }
  void release_memory_fd() { memory_.reset(); }
  /// Writes a record; it is visible after publish(). False: the ring is full or the client's tail
  /// is nonsense, so the client broke the contract.
  bool push(const wire::Completion& record);
  /// Shows what was pushed and wakes the client if it sleeps.
  void publish();
  /// Lets the client's calls stand still, or go on.
  void set_hold(wire::Hold hold);

 private:
  RingWriter() = default;
  Fd memory_;
  wire::Ring* ring_ = nullptr;
  uint32_t head_ = 0;
  uint32_t published_ = 0;
};

}  // namespace corun::simgpu
