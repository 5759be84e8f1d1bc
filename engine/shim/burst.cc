#include "engine/shim/burst.h"

#include <algorithm>

#include "engine/shim/settings.h"

namespace corun::shim {

namespace {

/// Longest linger that is obeyed, us: beyond it a daemon wants a gate that never opens.
constexpr uint32_t kMaxLingerUs = 1'000'000;
/// How much longer a gate lingers for a launch that has been counted and not yet begun its burst.
constexpr uint64_t kLaunchGraceNs = 20'000;
/// For open() without the lock: what it would count with is guarded by it.
constexpr uint64_t kNotCounted = 0;

}  // namespace

bool Burst::begin(Pages& pages, uint64_t now_ns, bool counted) {
  const Held held(lock_);
  const Phase before = phase_.load(std::memory_order_relaxed);
  if (before == kBursting || (before == kWorking && !counted)) {
    return false;
  }
  wire::Counters& counters = pages.session->counters;
  if (before == kLingering && (pages_ != &pages || !counted)) {
    // Joined anew: what is closed is the former session's. Or it closes none any more.
    open(now_ns);
  }
  pages_ = &pages;
  begun_ns_.store(now_ns, std::memory_order_relaxed);
  if (counted && drained_ns_ != 0 && now_ns > drained_ns_) {
    gaps_.note(now_ns - drained_ns_);
  }
  hold_.renew();
  counters.bursts.fetch_add(counted ? 1 : 0, std::memory_order_relaxed);
  counters.flags.fetch_or(wire::kFlagBursting | wire::kFlagFollowed, std::memory_order_relaxed);
  if (counted && !retired_.load(std::memory_order_seq_cst)) {
    close(pages, now_ns);
  }
  phase_.store(counted ? kBursting : kWorking, std::memory_order_seq_cst);
  return true;
}

void Burst::close(Pages& pages, uint64_t now_ns) {
  wire::GatePage* gate = closed_gate_.load(std::memory_order_relaxed);
  if (gate != nullptr) {
    // The daemon may have opened a gate that was closed for too long: a new burst closes it again.
    if (gate->word.exchange(wire::kClosed, std::memory_order_seq_cst) == wire::kOpen) {
      closed_ns_ = now_ns;
    }
    return;
  }
  const int own = pages.own_gate();
  if (own < 0) {
    return;
  }
  permille_ += std::min(pages.session->hot.close_permille.load(std::memory_order_relaxed), 1000U);
  if (permille_ < 1000) {
    return;
  }
  permille_ -= 1000;
  gate = pages.gates[own];
  closed_gate_.store(gate, std::memory_order_seq_cst);
  gate->closed_since_ns.store(now_ns, std::memory_order_relaxed);
  gate->burst.fetch_add(1, std::memory_order_relaxed);
  pages.session->counters.gate_closures.fetch_add(1, std::memory_order_relaxed);
  closed_ns_ = now_ns;
  gate->word.store(wire::kClosed, std::memory_order_seq_cst);
}

bool Burst::end_if_drained(const Streams& streams, uint64_t now_ns) {
  const Held held(lock_);
  const Phase before = phase_.load(std::memory_order_relaxed);
  if ((before != kBursting && before != kWorking) || !streams.all_idle()) {
    return false;
  }
  phase_.store(kLingering, std::memory_order_seq_cst);
  if (!streams.all_idle()) {  // a launch came that still saw it active
    phase_.store(before, std::memory_order_seq_cst);
    return false;
  }
  end(now_ns, before == kBursting);
  return true;
}

uint32_t Burst::linger_us() const {
  const wire::HotOrders& hot = pages_->session->hot;
  const uint32_t most_us = std::min(hot.linger_us.load(std::memory_order_relaxed), kMaxLingerUs);
  const uint32_t regain_us = hot.regain_us.load(std::memory_order_relaxed);
  return regain_us == 0 ? most_us : gaps_.best_us(std::min(regain_us, kMaxLingerUs), most_us);
}

void Burst::hold_later(ContextHandle context) {
  const Held held(lock_);
  hold_.want(context);
  const bool held_already = hold_.active();
  const bool known = known_ == kHoldAfterBursts && hold_.state() == Hold::kReady;
  const bool later = known && !held_already && !hold_.rests();
  hold_due_ns_.store(later ? begun_ns() + kHoldDelayNs : 0, std::memory_order_release);
}

bool Burst::hold_if_due(const Driver& driver, uint64_t now_ns) {
  const uint64_t due_ns = hold_due_ns();
  if (due_ns == 0 || now_ns < due_ns || retired_.load(std::memory_order_seq_cst)) {
    return false;
  }
  uint64_t limit_ns = 0;
  {
    const Held held(lock_);
    const bool same = hold_due_ns_.exchange(0, std::memory_order_acq_rel) == due_ns;
    if (!same || phase_.load(std::memory_order_relaxed) != kBursting) {
      return false;
    }
    limit_ns = typical_ns_ + uint64_t{linger_us()} * 1000 + kHoldSpareNs;
  }
  const bool started = hold_.start(driver, std::min(limit_ns, kHoldMostNs));
  if (phase() == kIdle || retired_.load(std::memory_order_seq_cst)) {
    hold_.release();  // the burst ended meanwhile, and with it the time to release it
  }
  return started;
}

/// Takes the burst that ends into what is told and known; returns how long its gate lingers, us.
uint32_t Burst::learn(uint64_t now_ns) {
  wire::SessionPage& page = *pages_->session;
  const uint64_t lasted_ns = now_ns - std::min(begun_ns(), now_ns);
  const uint64_t lasted_us = lasted_ns / 1000;
  drained_ns_ = now_ns;
  typical_ns_ = typical_ns_ == 0 ? lasted_ns : (7 * typical_ns_ + lasted_ns) / 8;
  known_ = std::min(known_ + 1, kHoldAfterBursts);
  hold_.judge(lasted_ns);
  const uint32_t index = page.counters.burst_index.load(std::memory_order_relaxed);
  page.burst_us[index % wire::kBurstRing].store(
      static_cast<uint32_t>(std::min<uint64_t>(lasted_us, UINT32_MAX)), std::memory_order_relaxed);
  page.counters.burst_index.store(index + 1, std::memory_order_release);
  const bool keeps = closed_gate_.load(std::memory_order_relaxed) != nullptr || hold_.active();
  const uint32_t linger_us = keeps ? this->linger_us() : 0;
  page.counters.linger_us.store(linger_us, std::memory_order_relaxed);
  return linger_us;
}

void Burst::end(uint64_t now_ns, bool counted) {
  hold_due_ns_.store(0, std::memory_order_release);
  drained_ns_ = 0;  // a gap is learned from where bursts on both of its sides count
  const uint32_t linger_us = counted ? learn(now_ns) : 0;
  pages_->session->counters.flags.fetch_and(~(wire::kFlagBursting | wire::kFlagComputing),
                                            std::memory_order_relaxed);
  linger_end_ns_ = now_ns + uint64_t{linger_us} * 1000;
  due_ns_.store(linger_end_ns_, std::memory_order_relaxed);
  if (linger_us == 0) {
    phase_.store(kIdle, std::memory_order_seq_cst);  // before: see hold_if_due()
    open(now_ns);
  }
}

bool Burst::tick(const Streams& streams, uint64_t now_ns) {
  const Held held(lock_);
  if (phase_.load(std::memory_order_relaxed) != kLingering ||
      now_ns < due_ns_.load(std::memory_order_relaxed)) {
    return false;
  }
  if (!streams.all_idle() && now_ns < linger_end_ns_ + kLaunchGraceNs) {
    // A launch is on its way here and will begin a burst: the gate stays closed for it. Not for
    // long, since work outside of the application's own brackets begins none.
    due_ns_.store(now_ns + uint64_t{1000}, std::memory_order_relaxed);
    return false;
  }
  phase_.store(kIdle, std::memory_order_seq_cst);
  open(now_ns);
  return true;
}

void Burst::abandon(uint64_t now_ns) {
  const Held held(lock_);
  if (phase_.load(std::memory_order_relaxed) != kIdle) {
    phase_.store(kIdle, std::memory_order_seq_cst);
    open(now_ns);
  }
}

void Burst::retire(uint64_t patience_ns) {
  retired_.store(true, std::memory_order_seq_cst);
  const bool locked = lock_.acquire_within(patience_ns);
  if (locked) {
    phase_.store(kIdle, std::memory_order_seq_cst);
  }
  open(kNotCounted);
  if (locked) {
    lock_.release();
  }
}

void Burst::open(uint64_t now_ns) {
  hold_.release();
  wire::GatePage* gate = closed_gate_.exchange(nullptr, std::memory_order_seq_cst);
  if (gate == nullptr) {
    return;
  }
  // Open already: the daemon opened it, and counts that time itself.
  const bool was_closed =
      gate->word.exchange(wire::kOpen, std::memory_order_seq_cst) == wire::kClosed;
  if (now_ns != kNotCounted && was_closed && now_ns > closed_ns_) {
    pages_->session->counters.gate_closed_ns.fetch_add(now_ns - closed_ns_,
                                                       std::memory_order_relaxed);
  }
}

}  // namespace corun::shim
