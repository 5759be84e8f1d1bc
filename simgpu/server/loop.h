// The server's event loop: the one place of the simulated node that knows wall time.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <string>
#include <vector>

#include "core/fd.h"
#include "core/result.h"
#include "simgpu/server/node.h"

namespace corun::simgpu {

struct LoopOptions {
  Fd listener;
  /// Descriptors whose readability (or end) ends the loop: signals, the owner's pidfd, a lifeline.
  std::vector<Fd> stop_on;
};

/// Serves `listener` until a stop descriptor fires. Single-threaded.
class Loop final : public Outbox {
 public:
  explicit Loop(LoopOptions options);
  ~Loop() override;
  Status serve(Node& node);
  bool send(Session& session, std::span<const std::byte> packet, int pass_fd) override;

 private:
  struct Incoming {
    uint32_t slot;
    uint32_t serial;
    int64_t stamp_ns;
    size_t offset;  ///< in buffer_
    size_t size;
    Fd fd;  ///< that came along
  };
  struct Received;

  Status watch(int fd, uint64_t key);
  size_t wait(std::optional<Instant> due, std::optional<Instant> look);
  size_t look_for_events();
  size_t spin(Instant end);
  bool dispatch(Node& node, size_t count);
  void accept_clients(Node& node);
  void read_client(Node& node, uint64_t key);
  void work_through(Node& node);
  void drop(Node& node, Session& session, const std::string& why);

  LoopOptions options_;
  Fd epoll_;
  std::array<epoll_event, 64> events_{};
  std::vector<Incoming> incoming_;
  std::vector<std::byte> buffer_;
  std::vector<uint64_t> gone_;  ///< keys of connections that ended, closed after their last packets
  std::unique_ptr<Received> received_;
  Instant last_;
};

/// Makes NODE_DIR/socket and listens on it. Errors: the folder, or another server there.
Result<Fd> listen_in_folder(const std::string& node_dir);

}  // namespace corun::simgpu
