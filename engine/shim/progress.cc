// Synchronisation and what it tells: when a burst has drained.
#include <algorithm>

#include "engine/shim/machine.h"
#include "engine/shim/thread_state.h"

namespace corun::shim {

namespace {

void add(Synchronisation& sync, StreamState& state) {
  if (sync.count < kMaxStreams) {
    sync.covered[sync.count++] = {.state = &state,
                                  .key = state.key.load(std::memory_order_relaxed),
                                  .submitted = state.submitted.load(std::memory_order_seq_cst)};
  }
}

}  // namespace

void Machine::before_stream_sync(Synchronisation& sync, StreamHandle stream) {
  sync.device = current();
  if (sync.device == nullptr || !follows(*sync.device->pages.load(std::memory_order_acquire))) {
    return;
  }
  sync.followed = true;
  if (StreamState* state = stream_state(*sync.device, stream)) {
    add(sync, *state);
  }
}

void Machine::before_context_sync(Synchronisation& sync) {
  sync.device = current();
  if (sync.device == nullptr || !follows(*sync.device->pages.load(std::memory_order_acquire))) {
    return;
  }
  sync.followed = true;
  let_go();
  const ContextHandle context = current_context();
  sync.device->streams.for_each([&](StreamState& state) {
    if (state.context.load(std::memory_order_relaxed) == context) {
      add(sync, state);
    }
  });
}

void Machine::before_event_sync(Synchronisation& sync, EventHandle event) {
  sync.device = current();
  if (sync.device == nullptr || !follows(*sync.device->pages.load(std::memory_order_acquire))) {
    return;
  }
  sync.followed = true;
  EventMarks::Mark mark;
  if (marks_.find(event, &mark)) {
    sync.covered[sync.count++] = {
        .state = mark.state, .key = mark.key, .submitted = mark.submitted};
  }
}

void Machine::after_sync(Synchronisation& sync, Code code) {
  if (sync.device == nullptr) {
    return;
  }
  sync.device->pages.load(std::memory_order_acquire)
      ->session->counters.synchronisations.fetch_add(1, std::memory_order_relaxed);
  if (!sync.followed || code != Code::kSuccess) {
    return;
  }
  for (int i = 0; i < sync.count; ++i) {
    const Synchronisation::Covered& covered = sync.covered[i];
    if (covered.state->key.load(std::memory_order_acquire) == covered.key) {
      covered.state->drained_up_to(covered.submitted);
    }
  }
  if (!sync.device->streams.all_idle()) {
    ask_streams(*sync.device, false);  // what was synchronised through others
  }
  end_burst_if_drained(*sync.device, true);
}

void Machine::on_event_record(EventHandle event, StreamHandle stream) {
  DeviceState* device = current();
  if (device == nullptr || !follows(*device->pages.load(std::memory_order_acquire))) {
    return;
  }
  if (StreamState* state = stream_state(*device, stream)) {
    marks_.set({.event = event,
                .state = state,
                .key = state->key.load(std::memory_order_relaxed),
                .submitted = state->submitted.load(std::memory_order_seq_cst)});
  }
}

void Machine::on_stream_gone(StreamHandle stream) {
  for (auto& slot : devices_) {
    DeviceState* device = slot.load(std::memory_order_acquire);
    if (device == nullptr) {
      continue;
    }
    if (StreamState* state = device->streams.lookup(reinterpret_cast<uint64_t>(stream))) {
      const Unwatched unwatched(*this, *device);
      device->streams.forget(*state);
    }
  }
}

void Machine::end_burst_if_drained(DeviceState& device, bool synchronised) {
  if (!device.burst.active() || hint_depth_.load(std::memory_order_relaxed) > 0) {
    return;
  }
  const bool counted = device.burst.phase() == Burst::kBursting;
  if (!device.burst.end_if_drained(device.streams, outside_.now_ns())) {
    return;
  }
  const uint32_t unsynchronised = device.unsynchronised.load(std::memory_order_relaxed);
  if (!synchronised) {
    // Once may have been a pause of the processor inside of a request that is synchronised with at
    // its end; it matters where a gate is open in that pause.
    device.unsynchronised.store(counted || unsynchronised > 0 ? 8 : 1, std::memory_order_relaxed);
  } else if (unsynchronised > 0) {
    device.unsynchronised.store(unsynchronised - 1, std::memory_order_relaxed);
  }
  const uint64_t due = device.burst.due_ns();
  if (due != 0 && outside_.kick != nullptr) {
    outside_.kick(due);
  }
}

void Machine::on_burst_hint(bool begin) {
  if (begin) {
    hint_depth_.fetch_add(1, std::memory_order_relaxed);
    hints_.store(true, std::memory_order_relaxed);
  } else {
    uint32_t depth = hint_depth_.load(std::memory_order_relaxed);
    while (depth > 0 && !hint_depth_.compare_exchange_weak(depth, depth - 1)) {
    }
  }
  for (auto& slot : devices_) {
    DeviceState* device = slot.load(std::memory_order_acquire);
    if (device == nullptr) {
      continue;
    }
    device->pages.load(std::memory_order_acquire)
        ->session->counters.flags.fetch_or(wire::kFlagHints, std::memory_order_relaxed);
    if (!begin) {
      ask_streams(*device, false);
      end_burst_if_drained(*device, true);
      if (device->burst.active() && outside_.kick != nullptr) {
        outside_.kick(outside_.now_ns() + kQuietNs);
      }
    }
  }
}

void Machine::ask_streams(DeviceState& device, bool foreign) {
  if (driver_->stream_query == nullptr || thread_state.capturing > 0) {
    return;
  }
  if (!try_look(device)) {
    return;
  }
  if (!device.watch_lock.try_acquire()) {
    end_look(&device);
    return;  // streams are being asked or destroyed: a later look will do
  }
  const RelaxedCapture relaxed(*driver_);
  device.streams.for_each([&](StreamState& state) {
    const StreamHandle stream = state.stream.load(std::memory_order_relaxed);
    if (retired() || state.idle() || is_per_thread_stream(stream) || any_capture()) {
      return;
    }
    const ContextHandle context = state.context.load(std::memory_order_relaxed);
    const uint64_t submitted = state.submitted.load(std::memory_order_seq_cst);
    const bool push = foreign && driver_->ctx_push != nullptr && driver_->ctx_pop != nullptr;
    if (push ? driver_->ctx_push(context) != Code::kSuccess
             : stream == nullptr && current_context() != context) {
      return;
    }
    if (driver_->stream_query(stream) == Code::kSuccess) {
      state.drained_up_to(submitted);
    }
    if (push) {
      ContextHandle popped = nullptr;
      driver_->ctx_pop(&popped);
    }
  });
  device.watch_lock.release();
  end_look(&device);
}

uint64_t Machine::watch(DeviceState& device, uint64_t now_ns) {
  if (!device.burst.active()) {
    return 0;
  }
  const bool working = device.burst.phase() == Burst::kWorking;
  const bool always_synchronised = device.unsynchronised.load(std::memory_order_relaxed) == 0;
  const uint64_t quiet_ns = !working              ? kQuietNs
                            : always_synchronised ? kLongestWorkLookNs
                                                  : kWorkQuietNs;
  const uint64_t begun = device.streams.begun();
  if (begun != device.begun_seen) {
    device.begun_seen = begun;
    device.begun_changed_ns = now_ns;
    const uint64_t lasted_ns = now_ns - std::min(device.burst.begun_ns(), now_ns);
    return now_ns +
           std::clamp(lasted_ns / 8, quiet_ns, working ? kLongestWorkLookNs : kLongestLookNs);
  }
  const uint64_t quiet = now_ns - device.begun_changed_ns;
  if (quiet >= quiet_ns && hint_depth_.load(std::memory_order_relaxed) == 0) {
    ask_streams(device, true);
    // Streams that cannot be asked. Of work that waits for a turn nothing is guessed: it would be
    // taken for done, and the session for one that wants no turn.
    if (quiet >= kBlindQuietNs && device.burst.phase() == Burst::kBursting) {
      device.streams.for_each([](StreamState& state) {
        if (is_per_thread_stream(state.stream.load(std::memory_order_relaxed))) {
          state.drained_up_to(state.submitted.load(std::memory_order_seq_cst));
        }
      });
    }
    end_burst_if_drained(device, false);
    if (!device.burst.active()) {
      return 0;
    }
  }
  // The longer it lasts, the less a late look matters.
  return now_ns + std::max(quiet_ns, quiet / 8);
}

}  // namespace corun::shim
