#include "engine/shim/samples.h"

namespace corun::shim {

bool Samples::prepare(const Driver& driver, Pair& pair, ContextHandle context) {
  if (pair.start != nullptr && pair.context == context) {
    return true;
  }
  // Events of another context stay where they are needed; this pair begins anew.
  if (pair.start != nullptr) {
    driver.event_destroy(pair.start);
    driver.event_destroy(pair.stop);
    pair.start = pair.stop = nullptr;
  }
  if (driver.event_create(&pair.start, cuda::kEventDefault) != Code::kSuccess) {
    pair.start = nullptr;
    return false;
  }
  if (driver.event_create(&pair.stop, cuda::kEventDefault) != Code::kSuccess) {
    driver.event_destroy(pair.start);
    pair.start = pair.stop = nullptr;
    return false;
  }
  pair.context = context;
  return true;
}

Samples::Pair* Samples::start(const Driver& driver, ContextHandle context, StreamHandle stream,
                              Estimates::Entry* entry) {
  if (driver.event_create == nullptr || driver.event_destroy == nullptr ||
      driver.event_record == nullptr || driver.event_query == nullptr ||
      driver.event_elapsed == nullptr || context == nullptr) {
    return nullptr;
  }
  const RelaxedCapture relaxed(driver);
  const uint32_t first = next_.fetch_add(1, std::memory_order_relaxed);
  for (uint32_t step = 0; step < kPairs; ++step) {
    Pair& pair = pairs_[(first + step) % kPairs];
    Pair::State free = Pair::kFree;
    if (!pair.state.compare_exchange_strong(free, Pair::kOwned, std::memory_order_acquire)) {
      continue;
    }
    pair.entry = entry;
    if (prepare(driver, pair, context) &&
        driver.event_record(pair.start, stream) == Code::kSuccess) {
      return &pair;
    }
    pair.state.store(Pair::kFree, std::memory_order_release);
    return nullptr;
  }
  return nullptr;
}

void Samples::stop(const Driver& driver, Pair* pair, StreamHandle stream, bool launched) {
  if (launched && driver.event_record(pair->stop, stream) == Code::kSuccess) {
    pending_.fetch_add(1, std::memory_order_relaxed);
    pair->state.store(Pair::kPending, std::memory_order_release);
  } else {
    pair->state.store(Pair::kFree, std::memory_order_release);
  }
}

void Samples::harvest(const Driver& driver) {
  const RelaxedCapture relaxed(driver);
  int looks = 4;
  for (Pair& pair : pairs_) {
    Pair::State pending = Pair::kPending;
    if (looks == 0 ||
        !pair.state.compare_exchange_strong(pending, Pair::kOwned, std::memory_order_acquire)) {
      continue;
    }
    --looks;
    const Code code = driver.event_query(pair.stop);
    if (code == Code::kNotReady) {
      pair.state.store(Pair::kPending, std::memory_order_release);
      continue;
    }
    float milliseconds = 0;
    if (code == Code::kSuccess &&
        driver.event_elapsed(&milliseconds, pair.start, pair.stop) == Code::kSuccess) {
      pair.entry->learn(static_cast<uint64_t>(milliseconds > 0 ? milliseconds * 1e6F : 0));
    }
    pending_.fetch_sub(1, std::memory_order_relaxed);
    pair.state.store(Pair::kFree, std::memory_order_release);
  }
}

void Samples::forget_context(ContextHandle context) {
  for (Pair& pair : pairs_) {
    for (const Pair::State from : {Pair::kFree, Pair::kPending}) {
      Pair::State state = from;
      if (!pair.state.compare_exchange_strong(state, Pair::kOwned, std::memory_order_acquire)) {
        continue;
      }
      if (pair.context == context) {
        pair.start = pair.stop = nullptr;
        pair.context = nullptr;
        if (from == Pair::kPending) {
          pending_.fetch_sub(1, std::memory_order_relaxed);
        }
        pair.state.store(Pair::kFree, std::memory_order_release);
      } else {
        pair.state.store(from, std::memory_order_release);
      }
      break;
    }
  }
}

void Samples::reset() {
  for (Pair& pair : pairs_) {
    pair.start = pair.stop = nullptr;
    pair.context = nullptr;
    pair.state.store(Pair::kFree, std::memory_order_relaxed);
  }
  pending_.store(0, std::memory_order_relaxed);
}

}  // namespace corun::shim
