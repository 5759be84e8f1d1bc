// Bytes of a connection in, one answer out; no I/O of its own. Boost.Beast parses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace corun::inference {

class ResponseReader {
 public:
  ResponseReader();
  ~ResponseReader();
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;

  /// Takes the next bytes; true once the answer is whole. Errors (failed): it is no answer, or
  /// bytes follow it.
  Result<bool> add(std::string_view bytes);
  /// The connection has ended; true if the answer ended with it.
  bool finish();
  /// Forgets the answer, for the next one.
  void reset();

  int status() const;
  bool keep_alive() const;
  /// Retry-After, where it is in seconds.
  std::optional<uint64_t> retry_after_s() const;
  /// The body so far.
  const std::string& body() const;
  /// Server-sent events in it so far that are whole.
  size_t events() const { return events_; }

 private:
  struct Parser;
  void count_events();

  std::unique_ptr<Parser> parser_;
  std::string kept_;  ///< bytes that the parser has not used yet
  size_t events_ = 0;
  size_t counted_ = 0;  ///< bytes of the body that are looked through
};

}  // namespace corun::inference
