// How long a latency-critical session should keep the GPU after a burst: learned from the gaps that
// its application leaves between bursts. Pure: no clock, no I/O.
//
// Problem: a server that finds a request queued begins it a short while after the last answer, the
// turnaround of its own code, tens to hundreds of us; one that finds none begins when the next
// request arrives. If the GPU was let go meanwhile, the burst pays for getting it back. Keeping it
// costs the others that time. It is the ski-rental problem with known odds: of all times L to keep
// the GPU, take the one with the least expected cost
//
//   sum over gaps g:  g if g <= L,  L + regain otherwise
//
// where `regain` is what letting go costs. Gaps of Poisson arrivals have no memory, so for them
// alone the answer is 0 below a rate of 1 / regain; a turnaround that most queued requests share
// pulls the answer just above itself.
#pragma once

#include <cstdint>

namespace corun::shim {

class Gaps {
 public:
  static constexpr uint32_t kBucketUs = 16;
  static constexpr uint32_t kBuckets = 64;  ///< up to 1024 us; longer gaps count as longer
  /// Older gaps fade: all counts are halved when there are this many.
  static constexpr uint32_t kRemembered = 512;
  /// Before this many gaps were seen the answer is kUnlearnedUs.
  static constexpr uint32_t kLearned = 16;
  static constexpr uint32_t kUnlearnedUs = 50;

  void note(uint64_t gap_ns) {
    const uint64_t bucket = gap_ns / (uint64_t{kBucketUs} * 1000);
    ++counts_[bucket < kBuckets ? bucket : kBuckets];
    if (++total_ == kRemembered) {
      halve();
    }
  }

  /// The time to keep the GPU with the least expected cost, at most `most_us`.
  uint32_t best_us(uint32_t regain_us, uint32_t most_us) const {
    if (total_ < kLearned) {
      return kUnlearnedUs < most_us ? kUnlearnedUs : most_us;
    }
    uint64_t within_us = 0;  // sum of the gaps below L, by their buckets' middles
    uint64_t longer = total_;
    uint64_t least = longer * regain_us;  // L = 0
    uint32_t best = 0;
    for (uint32_t i = 0; i < kBuckets; ++i) {
      const uint32_t keep_us = (i + 1) * kBucketUs;
      if (keep_us > most_us) {
        break;
      }
      within_us += uint64_t{counts_[i]} * (i * kBucketUs + kBucketUs / 2);
      longer -= counts_[i];
      const uint64_t cost = within_us + longer * (uint64_t{keep_us} + regain_us);
      if (cost < least) {
        least = cost;
        best = keep_us;
      }
    }
    return best;
  }

 private:
  void halve() {
    total_ = 0;
    for (uint16_t& count : counts_) {
      count = static_cast<uint16_t>(count / 2);
      total_ += count;
    }
  }

  uint16_t counts_[kBuckets + 1] = {};
  uint32_t total_ = 0;
};

}  // namespace corun::shim
