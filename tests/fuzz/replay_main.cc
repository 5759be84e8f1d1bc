// Runs a fuzzer's function over the files named on the command line, once each, and over the empty
// input: for compilers without libFuzzer.
#include <fmt/format.h>

#include "core/files.h"
#include "tests/fuzz/fuzz.h"

int main(int argc, char** argv) {
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (int i = 1; i < argc; ++i) {
    const auto content = corun::read_file(argv[i]);
    if (!content) {
      fmt::print(stderr, "replay: {}\n", content.error().text());
      return 1;
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(content->data()), content->size());
  }
  fmt::print("replay: {} inputs\n", argc);
}
