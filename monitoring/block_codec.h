// Blocks as they lie in the history's store: names of workloads once, then one record a block,
// compressed.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitoring/blocks.h"

namespace corun::monitoring {

std::string encode_blocks(std::span<const SliceBlock> blocks);
/// Empty for bytes that are no such chunk.
std::vector<std::pair<std::string, Block>> decode_blocks(std::string_view blob);

}  // namespace corun::monitoring
