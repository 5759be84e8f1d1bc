// The figures of one window of load, from what became of each request. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"

namespace corun::inference {

/// What became of one request. Moments that never came are Instant{0}.
struct RequestRecord {
  Instant scheduled;
  Instant due;  ///< when it could be sent: scheduled, or later for want of a free connection
  Instant sent;
  Instant first;  ///< the first token
  Instant end;    ///< the last byte of the answer
  uint64_t tokens = 0;
  int status = 0;              ///< of HTTP; 0: no answer
  uint64_t retry_after_s = 0;  ///< what the server asked for when it refused
  bool ok() const { return status == 200; }
};

struct Slo {
  std::optional<Nanos> latency;  ///< of the whole answer, from the scheduled time
  std::optional<Nanos> ttft;     ///< of the first token, likewise
  std::optional<Nanos> tpot;     ///< between two tokens, on average
  bool any() const { return latency || ttft || tpot; }
};

/// From the scheduled arrival to the first token; nothing without one.
std::optional<double> ttft_ms(const RequestRecord& record);
/// Mean time between two tokens; nothing with fewer than two.
std::optional<double> tpot_ms(const RequestRecord& record);
/// Whether it was answered inside all limits.
bool meets(const Slo& slo, const RequestRecord& record);

/// Lines for people that go with the results: latency, lateness of the generator, time to the first
/// token and between tokens, goodput, what was offered and what was refused. `-` where the samples
/// cannot tell.
std::vector<std::string> lines_of(std::span<const RequestRecord> records, const Slo& slo,
                                  Nanos window, bool text);

}  // namespace corun::inference
