// A drop-in's connection to the simulated node's server: calls with a reply, packets without, and
// the completion ring. Not thread-safe: its owner serialises (the ring's wait() apart).
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.h"
#include "core/result.h"
#include "simgpu/wire/wire.h"

namespace corun::simgpu {

/// The answer to a call.
struct Answer {
  wire::Code code{};
  uint32_t count = 0;
  std::vector<std::byte> body;

  /// The body as T; nothing when it is shorter.
  template <typename T>
  std::optional<T> as() const {
    if (body.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, body.data(), sizeof value);
    return value;
  }
  /// The body as an array of `count` T (fewer when it is shorter).
  template <typename T>
  std::vector<T> array() const {
    std::vector<T> values(std::min<size_t>(count, body.size() / sizeof(T)));
    if (!values.empty()) std::memcpy(values.data(), body.data(), values.size() * sizeof(T));
    return values;
  }
};

class Connection {
 public:
  /// Connects to NODE/socket and says hello. Errors: no node there, refused, other version.
  static Result<Connection> open(const std::string& node, wire::Hello hello);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  const wire::Welcome& welcome() const { return welcome_; }
  /// Sends `message` (a wire struct that begins with a Header), with a descriptor where `pass_fd`
  /// >= 0, and waits for its reply.
  template <typename Message>
  Result<Answer> call(wire::Type type, Message message, std::span<const std::byte> tail = {},
                      int pass_fd = -1) {
    message.header = next_header(type, sizeof message + tail.size(), true);
    return exchange(std::as_bytes(std::span(&message, 1)), tail, message.header.call, pass_fd);
  }
  /// Sends without a reply. False: the server is gone.
  template <typename Message>
  bool post(wire::Type type, Message& message, std::span<const std::byte> tail = {}) {
    message.header = next_header(type, sizeof message + tail.size(), false);
    return send_packet(std::as_bytes(std::span(&message, 1)), tail);
  }
  /// Takes the next packet that is no reply (kMpsClientJoined); waits at most `timeout_ms`.
  /// Nothing: none came. Errors: the server is gone.
  Result<std::optional<wire::Header>> next_notice(int timeout_ms);

  wire::Ring* ring() const { return ring_; }
  int fd() const { return fd_.get(); }
  /// Whether the server still holds its end (one system call).
  bool alive() const;
  /// In a forked child: drops the descriptor and the ring without touching the parent's.
  void abandon();

 private:
  Connection() = default;
  wire::Header next_header(wire::Type type, size_t size, bool with_reply);
  bool send_packet(std::span<const std::byte> head, std::span<const std::byte> tail,
                   int pass_fd = -1);
  Result<Answer> exchange(std::span<const std::byte> head, std::span<const std::byte> tail,
                          uint64_t call, int pass_fd);
  Status say_hello(wire::Hello hello);
  Status map_ring(int memory);

  Fd fd_;
  wire::Welcome welcome_;
  wire::Ring* ring_ = nullptr;
  uint64_t next_call_ = 1;
};

/// Waits until `ring->head` differs from `seen`, at most `timeout_ms`.
void wait_for_head(wire::Ring& ring, uint32_t seen, int timeout_ms);

/// The node's folder from CORUN_SIM_NODE. Errors: unset.
Result<std::string> node_from_environment();

/// Hello with the MPS settings of this process's environment (pipe directory, thread percentage,
/// client priority, memory limits).
wire::Hello hello_from_environment(wire::Role role);

/// "0=1G,1=512M" as MPS writes memory limits; entries that do not parse are skipped.
void parse_memory_limits(const std::string& text, uint64_t (&limits)[wire::kMaxGpus]);
/// "1G", "512M", "4096" in bytes.
std::optional<uint64_t> parse_mps_bytes(const std::string& text);

}  // namespace corun::simgpu
