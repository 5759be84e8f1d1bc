// Many requests over kept-alive connections, sent at exact moments. The caller's thread sends; a
// thread of its own reads the answers, so that neither waits for the other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "workloads/inference/load/response_reader.h"
#include "workloads/inference/load/server_address.h"

namespace corun::inference {

struct Answer {
  uint64_t tag = 0;
  int status = 0;  ///< 0: the connection broke
  Instant sent;
  Instant first;  ///< the first server-sent event; Instant{0}: none
  Instant end;
  size_t events = 0;
  std::optional<uint64_t> retry_after_s;  ///< what a refusal asks for
  const std::string* body = nullptr;      ///< valid during the call
};

class LoadClient {
 public:
  /// Opens all connections. `done` is called for each request, on the reading thread.
  static Result<std::unique_ptr<LoadClient>> open(const ServerAddress& endpoint, size_t connections,
                                                  std::function<void(const Answer&)> done);
  ~LoadClient();

  /// Waits until a connection is free, at most until `give_up`; true if one is.
  bool wait_free(Instant give_up);
  /// Sends on a free connection; a broken one is opened anew. From one thread only.
  /// Precondition: wait_free() was true. Returns when it was sent. Errors (failed): no connection.
  Result<Instant> send(std::string_view request, uint64_t tag);
  /// Waits until every request is answered, at most until `give_up`. Then breaks the connections of
  /// those that are not; `done` hears of them with status 0.
  void settle(Instant give_up);

 private:
  struct Connection {
    Fd fd;
    ResponseReader reader;
    Answer answer;
    bool busy = false;     ///< a request is on its way, the reading thread has the connection
    bool sending = false;  ///< the sending thread still writes: the descriptor must stay open
    bool keeps = true;     ///< after the last answer
  };
  LoadClient(const ServerAddress& endpoint, std::function<void(const Answer&)> done)
      : endpoint_(endpoint), done_(std::move(done)) {}
  /// With mutex_ held once the thread runs.
  Status reopen(size_t index);
  /// Marks it busy, opened anew if need be; its descriptor.
  Result<int> begin(size_t index, uint64_t tag);
  /// After the last byte, or a failure to write it; true to try once more.
  bool end_sending(size_t index, bool written);
  void read_loop();
  void read(size_t index);
  void complete(size_t index, int status, bool keep);

  const ServerAddress& endpoint_;
  std::function<void(const Answer&)> done_;
  Fd epoll_;
  Fd ending_;  ///< an eventfd: readable when the thread is to end
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Connection>> connections_;
  // Guarded by mutex_, with each connection's descriptor and flags; `reader` and `answer` of a
  // connection that is busy are the reading thread's.
  std::deque<size_t> free_;  ///< longest free first: all connections are used in turn
  bool waiting_ = false;     ///< the sending thread waits for a free one
};

}  // namespace corun::inference
