// Validation of what a client sends: every packet passes check_packet() before anything looks
// into it. Ids are not judged here; they mean something only to the connection's own tables.
#pragma once

#include <cstring>
#include <span>
#include <string_view>

#include "core/result.h"
#include "simgpu/wire/wire.h"

namespace corun::simgpu::wire {

/// A packet that keeps the format: size, version, type, ranges, terminated texts, matching tails.
class Packet {
 public:
  const Header& header() const { return header_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  /// The packet as its type's struct. Precondition: T belongs to header().type.
  template <typename T>
  T as() const {
    CORUN_CHECK(bytes_.size() >= sizeof(T), "struct of another type");
    T value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    return value;
  }
  /// What follows the struct T.
  template <typename T>
  std::span<const std::byte> tail() const {
    return bytes_.subspan(sizeof(T));
  }

 private:
  friend Result<Packet> check_packet(std::span<const std::byte> bytes);
  Header header_;
  std::span<const std::byte> bytes_;
};

/// Checks one packet from a client. The result refers to `bytes`. Errors (failed): what is wrong.
Result<Packet> check_packet(std::span<const std::byte> bytes);

/// Reads T from the start of `bytes`. Precondition: they are enough.
template <typename T>
T read_struct(std::span<const std::byte> bytes) {
  CORUN_CHECK(bytes.size() >= sizeof(T), "short bytes");
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace corun::simgpu::wire
