#include "engine/daemon/gates.h"

#include <algorithm>

namespace corun::daemon {

Result<GatePages> GatePages::create() {
  GatePages pages;
  for (auto& gate : pages.gates_) {
    CORUN_ASSIGN(SharedPage memory, SharedPage::create("corun-gate"));
    gate = memory.construct<wire::GatePage>();
    gate->magic = wire::kGateMagic;
    gate->version = wire::kWireVersion;
    pages.memory_.push_back(std::move(memory));
  }
  return pages;
}

void open_gate(wire::GatePage& gate) { gate.word.store(wire::kOpen, std::memory_order_release); }

void Gates::assign(size_t gate, uint64_t session) {
  State& state = states_[gate];
  state.holder = session;
  state.closed_since.reset();
  state.opened.reset();
  wire::GatePage& page = pages_->page(gate);
  page.holder.store(session, std::memory_order_release);
  open_gate(page);
}

std::vector<Gates::Opened> Gates::supervise(Instant now, Nanos max_burst) {
  std::vector<Opened> opened;
  for (size_t i = 0; i < states_.size(); ++i) {
    State& state = states_[i];
    const wire::GatePage& page = pages_->page(i);
    if (page.word.load(std::memory_order_acquire) == wire::kOpen) {
      state.closed_since.reset();
      continue;
    }
    // What the holder says of the time counts only where it can be true.
    const uint32_t burst = page.burst.load(std::memory_order_relaxed);
    const auto told = static_cast<int64_t>(page.closed_since_ns.load(std::memory_order_relaxed));
    if (!state.closed_since || state.burst != burst) {
      state.closed_since = told > 0 && told <= now.ns ? Instant{told} : now;
      state.burst = burst;
    }
    const Nanos closed = now - *state.closed_since;
    if (state.holder != 0 && closed <= max_burst) continue;
    const bool again = state.opened && state.opened_of == *state.closed_since;
    opened.push_back({i, state.holder, closed, again ? now - *state.opened : closed, again});
    state.opened = now;
    state.opened_of = *state.closed_since;
    force_open(i);
  }
  return opened;
}

std::optional<Instant> Gates::next_due(Nanos max_burst) const {
  std::optional<Instant> due;
  for (const State& state : states_) {
    if (!state.closed_since) continue;
    const Instant end = *state.closed_since + max_burst + Nanos(1);
    if (!due || end < *due) due = end;
  }
  return due;
}

void Gates::force_open(size_t gate) {
  ++states_[gate].forced;
  states_[gate].closed_since.reset();
  open_gate(pages_->page(gate));
}

void Gates::open_all() {
  for (wire::GatePage* page : pages_->all()) open_gate(*page);
}

}  // namespace corun::daemon
