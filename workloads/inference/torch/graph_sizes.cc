#include "workloads/inference/torch/graph_sizes.h"

#include <algorithm>

namespace corun::inference {

std::vector<int64_t> power_sizes(int64_t least, int64_t most) {
  std::vector<int64_t> sizes{most};
  for (int64_t size = int64_t{1} << 40; size >= least; size /= 2) {
    if (size < most) sizes.push_back(size);
  }
  return sizes;
}

int64_t size_that_holds(int64_t needed, int64_t least, int64_t most) {
  int64_t size = least;
  while (size < needed) size *= 2;
  return std::min(size, most);
}

}  // namespace corun::inference
