// PTX text that a tenant gives to the simulated driver.
#include "simgpu/driver/ptx.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto module = corun::simgpu::driver::parse_ptx(corun::fuzz::text_of(data, size));
  if (!module) return 0;
  for (const auto& [name, parameters] : (*module).entries) {
    uint64_t end = 0;
    for (const auto& parameter : parameters) {
      CORUN_CHECK(parameter.offset >= end, "parameters of " + name + " do not overlap");
      end = uint64_t{parameter.offset} + parameter.size;
    }
  }
  return 0;
}
