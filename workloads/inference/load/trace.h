// Recorded arrivals: when requests came and how many tokens they had, from a CSV file.
//
// The first line names the columns. A column of times is TIMESTAMP ("2023-11-16 18:17:03.9799600",
// as in the Azure LLM inference traces) or arrival_s (seconds); ContextTokens and GeneratedTokens
// are optional; other columns are ignored. Lines end with LF or CRLF.
//   https://github.com/Azure/AzurePublicDataset (AzureLLMInferenceDataset2023.md)
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace corun::inference {

struct TraceRow {
  Nanos at{0};  ///< after the first row
  uint64_t context_tokens = 0;
  uint64_t generated_tokens = 0;
  bool operator==(const TraceRow&) const = default;
};

struct Trace {
  std::vector<TraceRow> rows;  ///< in order of time, at least one
  bool has_tokens = false;
};

/// Takes any bytes. Errors (usage): `FILE:LINE: what`, for a column that is missing, a value that
/// is none, times that fall.
Result<Trace> parse_trace(std::string_view text, std::string_view file);

/// The rows from `offset` on whose time, `speed` times as fast, lies inside [0, length).
std::vector<TraceRow> part_of(const Trace& trace, Nanos offset, Nanos length, double speed);

}  // namespace corun::inference
