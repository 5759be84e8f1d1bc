#include "monitoring/block_codec.h"

#include <cstring>
#include <map>

#include "monitoring/gzip.h"

namespace corun::monitoring {

namespace {

constexpr uint32_t kBlocksMagic = 0x31424f43;  // "COB1"
constexpr size_t kMostBytes = 256u << 20;

struct BlocksHead {
  uint32_t magic = kBlocksMagic;
  uint32_t names = 0;   ///< each a length and its bytes
  uint32_t blocks = 0;  ///< BlockRecord each
};

struct BlockRecord {
  int64_t begin_us;
  int64_t end_us;
  float coverage;
  uint16_t name;
  uint8_t kind;
  uint8_t label;
};
static_assert(sizeof(BlockRecord) == 24);

template <typename T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
bool take(std::string_view& text, T& value) {
  if (text.size() < sizeof value) return false;
  std::memcpy(&value, text.data(), sizeof value);
  text.remove_prefix(sizeof value);
  return true;
}

}  // namespace

std::string encode_blocks(std::span<const SliceBlock> blocks) {
  std::map<std::string, uint16_t> numbers;
  std::vector<const std::string*> names;
  std::string records;
  uint32_t count = 0;
  for (const SliceBlock& block : blocks) {
    const auto [number, added] =
        numbers.emplace(block.workload, static_cast<uint16_t>(names.size()));
    if (added) names.push_back(&number->first);
    const Block packed = block_of(block);
    put(records,
        BlockRecord{packed.begin_us, packed.end_us, packed.coverage, number->second,
                    static_cast<uint8_t>(packed.kind), static_cast<uint8_t>(packed.label)});
    ++count;
    if (names.size() == UINT16_MAX) break;
  }
  std::string plain;
  put(plain, BlocksHead{kBlocksMagic, static_cast<uint32_t>(names.size()), count});
  for (const std::string* name : names) {
    put(plain, static_cast<uint32_t>(name->size()));
    plain += *name;
  }
  return gzip(plain + records);
}

std::vector<std::pair<std::string, Block>> decode_blocks(std::string_view blob) {
  const auto plain = gunzip(blob, kMostBytes);
  if (!plain) return {};
  std::string_view rest = *plain;
  BlocksHead head;
  if (!take(rest, head) || head.magic != kBlocksMagic) return {};
  std::vector<std::string> names;
  for (uint32_t i = 0; i < head.names; ++i) {
    uint32_t length = 0;
    if (!take(rest, length) || length > rest.size()) return {};
    names.emplace_back(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  if (rest.size() != size_t{head.blocks} * sizeof(BlockRecord)) return {};
  std::vector<std::pair<std::string, Block>> blocks;
  blocks.reserve(head.blocks);
  BlockRecord record{};
  while (take(rest, record)) {
    const bool sound = record.name < names.size() &&
                       record.kind <= static_cast<uint8_t>(BlockKind::kMixed) &&
                       record.label <= static_cast<uint8_t>(client::Label::kEstimated);
    if (!sound) return {};
    blocks.emplace_back(names[record.name], Block{record.begin_us, record.end_us, record.coverage,
                                                  static_cast<BlockKind>(record.kind),
                                                  static_cast<client::Label>(record.label)});
  }
  return blocks;
}

}  // namespace corun::monitoring
