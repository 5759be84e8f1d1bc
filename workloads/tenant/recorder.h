// The reporting side of a measured window, on a thread of its own: the loop under measurement only
// adds to a log, and a slow or blocked reader of the rows never delays it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/row_writer.h"
#include "workloads/tenant/window_log.h"

namespace corun::tenant {

/// Where the messages of a window go: the harness, or the summary of a stand-alone run.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual Status write(const Message& message) = 0;
};

class Recorder {
 public:
  /// `sink` is used by the recorder's thread only, from here to finish().
  Recorder(int window, Instant start, MessageSink& sink);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void items(uint64_t count);
  /// `items`: what it counts for, tokens of an answer say.
  void request(Instant scheduled, Instant start, Instant end, uint64_t items = 1);
  /// False once the reader is gone: the loop should end; finish() tells the error.
  bool listening() const;
  /// The last messages, then the thread ends. Returns the items of the window.
  Result<uint64_t> finish(Instant now);

 private:
  void run();
  Status flush(bool all);

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  WindowLog log_;        // guarded by mutex_
  bool ending_ = false;  // guarded by mutex_
  Status status_;        // guarded by mutex_
  Instant start_;
  MessageSink& sink_;  // used by thread_ until it is joined
  Instant next_progress_;
  Instant next_requests_;
  std::thread thread_;
};

}  // namespace corun::tenant
