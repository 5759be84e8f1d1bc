// A packet from a client to the simulated node's server, before anything looks into it.
#include "simgpu/wire/parse.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto packet = corun::simgpu::wire::check_packet(bytes);
  if (!packet) {
    CORUN_CHECK(!packet.error().what.empty(), "a refusal says why");
    return 0;
  }
  CORUN_CHECK((*packet).header().size == size, "an accepted packet is as long as it says");
  return 0;
}
