// What the server counts.
#pragma once

#include <atomic>
#include <cstdint>

namespace corun::http {

struct Metrics {
  std::atomic<uint64_t> connections{0};  ///< gauge
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> responses[6] = {};  ///< by the status's first digit
  std::atomic<uint64_t> streams_cut{0};     ///< the client was gone, or read too slowly
};

}  // namespace corun::http
