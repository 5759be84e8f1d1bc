// For which sizes there are CUDA graphs: a graph has a fixed size, and a smaller batch runs in the
// next larger one.
#pragma once

#include <cstdint>
#include <vector>

namespace corun::inference {

/// Powers of two from `least` (one itself) on, and `most`; the largest first.
std::vector<int64_t> power_sizes(int64_t least, int64_t most);
/// The smallest of them that holds `needed`, which is at most `most`.
int64_t size_that_holds(int64_t needed, int64_t least, int64_t most);

}  // namespace corun::inference
