#include "workloads/training/data/token_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "core/check.h"
#include "core/stats/random.h"

namespace corun::training {

namespace {

constexpr uint32_t kMaxUsed = 4096;
constexpr uint64_t kMasksOf = 100;  ///< of so many tokens,
constexpr uint64_t kMasked = 15;    ///< so many are hidden
constexpr uint64_t kFollowers = 4;

}  // namespace

TokenSet::TokenSet(MappedFile file, const TokenOptions& options, uint64_t seed)
    : file_(std::move(file)),
      options_(options),
      seed_(seed),
      tokens_(file_.bytes().size() / options.token_bytes),
      count_((tokens_ - 1) / options.sequence) {}

Result<TokenSet> TokenSet::open(const std::filesystem::path& path, const TokenOptions& options,
                                uint64_t seed) {
  CORUN_CHECK(options.token_bytes == 2 || options.token_bytes == 4, "16 or 32 bits");
  CORUN_ASSIGN(MappedFile file, MappedFile::open(path));
  const auto wrong = [&](const std::string& what) {
    return usage_error(fmt::format("{}: {}", path.string(), what));
  };
  const size_t size = file.bytes().size();
  if (size % options.token_bytes != 0) return wrong("it ends amid a token");
  if (size / options.token_bytes <= options.sequence) {
    return wrong(
        fmt::format("it has {} tokens, fewer than one sample needs", size / options.token_bytes));
  }
  TokenSet set(std::move(file), options, seed);
  const uint32_t usable =
      options.vocabulary - (options.objective == Objective::kMasked ? 1 : 0);  // not the mask
  for (uint64_t i = 0; i < set.tokens_; ++i) {
    if (set.token(i) < usable) continue;
    return wrong(
        fmt::format("token {} at place {} is outside the model's {}", set.token(i), i, usable));
  }
  return set;
}

uint32_t TokenSet::token(uint64_t index) const {
  uint32_t value = 0;
  std::memcpy(&value, file_.bytes().data() + index * options_.token_bytes, options_.token_bytes);
  return value;
}

void TokenSet::read(uint64_t number, std::span<std::byte> input, std::span<int64_t> target) const {
  const uint64_t start = shuffled_index(number, count_, seed_) * options_.sequence;
  stats::Random random(seed_of_sample(seed_ + 1, number));
  for (uint32_t i = 0; i < options_.sequence; ++i) {
    int32_t shown = static_cast<int32_t>(token(start + i));
    if (options_.objective == Objective::kNext) {
      target[i] = token(start + i + 1);
    } else if (random.below(kMasksOf) < kMasked || i == number % options_.sequence) {
      target[i] = shown;  // one at least in each sample
      shown = static_cast<int32_t>(options_.vocabulary - 1);
    } else {
      target[i] = kNoTarget;
    }
    std::memcpy(input.data() + size_t{i} * sizeof shown, &shown, sizeof shown);
  }
}

Status generate_tokens(const std::filesystem::path& path, uint32_t vocabulary, uint64_t count,
                       uint64_t seed) {
  stats::Random random(seed);
  const uint32_t used = std::min(vocabulary - 1, kMaxUsed);
  // Frequent tokens are the small ones.
  const auto draw = [&] {
    const double u = random.uniform();
    return static_cast<uint16_t>(u * u * u * used);
  };
  std::vector<uint16_t> followers(size_t{used} * kFollowers);
  for (uint16_t& follower : followers) follower = draw();
  std::vector<uint16_t> tokens(count);
  uint16_t last = 0;
  for (uint16_t& token : tokens) {
    const uint64_t choice = random.below(kFollowers + 1);
    token = choice < kFollowers ? followers[last * kFollowers + choice] : draw();
    last = token;
  }
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(tokens.data()),
             static_cast<std::streamsize>(tokens.size() * sizeof(uint16_t)));
  file.flush();
  if (!file) return failed("cannot write " + path.string(), "is its disk full?");
  return {};
}

}  // namespace corun::training
