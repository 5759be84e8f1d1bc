#include "monitoring/tally.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace corun::monitoring {

namespace {

/// The number in "XID 79".
uint64_t xid_of(const std::string& text) {
  const size_t digit = text.find_first_of("0123456789");
  uint64_t xid = 0;
  if (digit != std::string::npos) {
    std::from_chars(text.data() + digit, text.data() + text.size(), xid);
  }
  return xid;
}

/// Kinds of events that are at zero before the first, so that its rise is seen.
constexpr const char* kAlarming[] = {"ecc",     "gate-opened", "missed",
                                     "refused", "restart",     "watchdog"};

}  // namespace

void LengthHistogram::add(double seconds) {
  const auto* const bound =
      std::lower_bound(std::begin(kLengthBounds), std::end(kLengthBounds), seconds);
  ++counts[static_cast<size_t>(bound - std::begin(kLengthBounds))];
  sum += seconds;
}

void Tally::add(const News& news) {
  const std::lock_guard lock(mutex_);
  if (counts_.cycles++ == 0) counts_.began = news.snapshot->at;
  std::set<WorkloadKey> there;
  for (const Workload& workload : news.snapshot->workloads) {
    const WorkloadKey key{workload.gpu, workload.workload};
    there.insert(key);
    counts_.quanta.try_emplace(key);  // at zero from the start
    counts_.waits.try_emplace(key);
  }
  // Series vanish with their workload.
  const auto gone = [&there](const auto& one) { return !there.contains(one.first); };
  std::erase_if(counts_.quanta, gone);
  std::erase_if(counts_.waits, gone);
  for (const SliceBlock& block : news.blocks) {
    auto& histograms = block.what == "run" ? counts_.quanta : counts_.waits;
    if (block.what != "run" && block.what != "wait") continue;
    if (const auto found = histograms.find({block.gpu, block.workload});
        found != histograms.end()) {
      found->second.add(std::max(0.0, block.end - block.begin));
    }
  }
  for (const Gpu& gpu : news.snapshot->gpus) {
    for (const char* kind : kAlarming) counts_.events.try_emplace({gpu.uuid, kind});
  }
  for (const Event& event : news.events) {
    if (!event.gpu) continue;
    // A corund that was there before tells its past once more.
    if (event.at >= counts_.began) ++counts_.events[{*event.gpu, event.kind}];
    if (event.kind != "xid") continue;
    XidCount& xid = counts_.xids[{*event.gpu, xid_of(event.text)}];
    ++xid.count;
    xid.last = event.at;
  }
}

Tally::Counts Tally::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace corun::monitoring
