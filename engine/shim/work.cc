// Work on streams: counting it, waiting for gates before it, closing the own gate around it.
#include <algorithm>

#include "engine/shim/log.h"
#include "engine/shim/machine.h"
#include "engine/shim/thread_state.h"

namespace corun::shim {

namespace {

/// The legacy stream under its one name: null and CU_STREAM_LEGACY mean the same.
StreamHandle one_name(StreamHandle stream) {
  return reinterpret_cast<uintptr_t>(stream) == cuda::kLegacyStreamValue ? nullptr : stream;
}

std::atomic<uint64_t>& counter_of(wire::Counters& counters, Operation::Kind kind) {
  switch (kind) {
    case Operation::kKernel:
      return counters.launches;
    case Operation::kGraph:
      return counters.graph_launches;
    case Operation::kCopy:
    case Operation::kDeviceCopy:
      break;
  }
  return counters.copies;
}

}  // namespace

void Machine::before(Operation& operation) {
  DeviceState* device = current();
  if (device == nullptr) {
    return;
  }
  Pages* pages = device->pages.load(std::memory_order_acquire);
  operation.device = device;
  operation.pages = pages;
  wire::SessionPage& page = *pages->session;
  counter_of(page.counters, operation.kind).fetch_add(1, std::memory_order_relaxed);
  bool sample = false;
  if (operation.key != 0) {
    operation.entry = estimates_.find(operation.key);
    operation.estimate_ns = kUnknownNs;
    if (operation.entry != nullptr) {
      operation.estimate_ns = operation.entry->estimate_ns();
      sample = operation.entry->count_launch();
    }
  }
  page.counters.gpu_estimated_ns.fetch_add(operation.estimate_ns, std::memory_order_relaxed);
  const uint32_t armed = page.hot.armed.load(std::memory_order_relaxed);
  const bool own_gate = page.hot.gate.load(std::memory_order_relaxed) >= 0;
  if (armed != 0 || own_gate || latency_critical_ || sample) {
    before_slow(operation, armed, sample);
  }
}

bool Machine::has_bursts(const Pages& pages) const {
  return latency_critical_ || pages.own_gate() >= 0;
}

bool Machine::follows(const Pages& pages) const {
  return has_bursts(pages) ||
         (pages.session->hot.armed.load(std::memory_order_relaxed) & wire::kArmedTurn) != 0;
}

void Machine::before_slow(Operation& operation, uint32_t armed, bool sample) {
  if ((armed & wire::kArmedParked) != 0) {
    hold(*operation.device);
    operation.pages = operation.device->pages.load(std::memory_order_acquire);
    armed = operation.pages->session->hot.armed.load(std::memory_order_relaxed);
  }
  if (any_capture() && (thread_state.capturing > 0 || capturing(operation.stream))) {
    operation.pages->session->counters.flags.fetch_or(wire::kFlagCapturing,
                                                      std::memory_order_relaxed);
    return;
  }
  DeviceState& device = *operation.device;
  Pages& pages = *operation.pages;
  const bool follow = follows(pages);
  if (follow || (armed != 0 && operation.gated)) {
    operation.state = stream_state(device, operation.stream);
  }
  if (armed != 0 && operation.gated) {
    wait_for_gates(operation, armed);
  }
  if (follow && operation.state != nullptr) {
    operation.state->begun.fetch_add(1, std::memory_order_seq_cst);
    const bool wanted =
        !hints_.load(std::memory_order_relaxed) || hint_depth_.load(std::memory_order_relaxed) > 0;
    const bool counted = has_bursts(pages);
    if (wanted && !device.burst.goes_on(counted)) {
      operation.began_burst = device.burst.begin(pages, outside_.now_ns(), counted);
    }
    if (operation.kind != Operation::kCopy) {
      device.burst.note_computing(pages);
    }
  } else {
    operation.state = nullptr;
  }
  if (sample) {
    if (samples_.any_pending() && try_look(device)) {
      samples_.harvest(*driver_);
      end_look(&device);
    }
    operation.sample =
        samples_.start(*driver_, current_context(), operation.stream, operation.entry);
  }
}

void Machine::after_slow(Operation& operation, Code code) {
  if (operation.sample != nullptr) {
    samples_.stop(*driver_, operation.sample, operation.stream, code == Code::kSuccess);
  }
  if (operation.state != nullptr) {
    operation.state->submitted.fetch_add(1, std::memory_order_seq_cst);
  }
  if (operation.began_burst && has_bursts(*operation.pages)) {
    hold_gpu(operation);
  }
  if (operation.began_burst && outside_.kick != nullptr &&
      operation.device->unsynchronised.load(std::memory_order_relaxed) > 0) {
    outside_.kick(outside_.now_ns() + (has_bursts(*operation.pages) ? kQuietNs : kWorkQuietNs));
  }
}

/// A burst began: where that is ordered, from some time into it on, the session's channel group is
/// never idle until the burst and its linger are over. The kernel for it is made ready with the
/// session's first burst wherever slices act, so that it is there when the first competitor comes.
void Machine::hold_gpu(const Operation& operation) {
  const wire::SessionPage& session = *operation.pages->session;
  Burst& burst = operation.device->burst;
  if (session.hot.hold.load(std::memory_order_relaxed) == 0) {
    if (session.orders.slice_us.load(std::memory_order_relaxed) != 0) {
      burst.hold().want(current_context());
    }
    return;
  }
  burst.hold_later(current_context());
  if (burst.hold_due_ns() != 0 && outside_.kick != nullptr) {
    outside_.kick(burst.hold_due_ns());
  }
}

bool Machine::capturing(StreamHandle stream) const {
  cuda::CaptureStatus status = cuda::CaptureStatus::kActive;
  return driver_->stream_is_capturing == nullptr ||
         driver_->stream_is_capturing(stream, &status) != Code::kSuccess ||
         status != cuda::CaptureStatus::kNone;
}

void Machine::on_capture_begin() {
  captures_.fetch_add(1, std::memory_order_seq_cst);
  for (auto& slot : devices_) {
    if (DeviceState* device = slot.load(std::memory_order_acquire)) {
      const Held none_asks(device->watch_lock);  // who asks looks for captures under it
    }
  }
}

void Machine::on_capture_end() {
  if (captures_.fetch_sub(1, std::memory_order_seq_cst) == 1) {
    if (DeviceState* device = current()) {
      device->pages.load(std::memory_order_acquire)
          ->session->counters.flags.fetch_and(~wire::kFlagCapturing, std::memory_order_relaxed);
    }
  }
}

uint64_t Machine::stream_key(StreamHandle stream, ContextHandle context) const {
  if (stream == nullptr) {
    return reinterpret_cast<uint64_t>(context) | 1;
  }
  if (is_per_thread_stream(stream)) {
    return (reinterpret_cast<uint64_t>(&thread_state) ^ reinterpret_cast<uint64_t>(context)) | 2;
  }
  return reinterpret_cast<uint64_t>(stream);
}

StreamState* Machine::stream_state(DeviceState& device, StreamHandle stream) {
  stream = one_name(stream);
  const bool shared_name = stream == nullptr || is_per_thread_stream(stream);
  ContextHandle context = shared_name ? current_context() : nullptr;
  const uint64_t key = stream_key(stream, context);
  if (StreamState* known = device.streams.lookup(key)) {
    return known;
  }
  return device.streams.find(key, stream, shared_name ? context : current_context());
}

/// What of `armed` can be waited for, once the pages are registered; 0: nothing.
uint32_t Machine::gates_to_wait_for(Pages& pages, uint32_t armed) {
  const int own = pages.own_gate();
  if (own >= 0) {
    armed &= ~(1U << own);  // nobody waits for himself
  }
  armed &= wire::kArmedTurn | ((1U << wire::kMaxGates) - 1);
  return armed != 0 && register_pages(pages) ? armed : 0;
}

void Machine::wait_for_gates(Operation& operation, uint32_t armed) {
  Pages& pages = *operation.pages;
  const uint32_t mask = gates_to_wait_for(pages, armed);
  if (mask == 0) {
    return;
  }
  StreamState* state = operation.state;
  if (state != nullptr) {
    const uint64_t every_ns =
        uint64_t{pages.session->hot.wait_every_us.load(std::memory_order_relaxed)} * 1000;
    const uint64_t since = state->since_wait_ns.load(std::memory_order_relaxed);
    if (operation.kind != Operation::kGraph &&
        state->waited_mask.load(std::memory_order_relaxed) == mask &&
        since + operation.estimate_ns < every_ns) {
      state->since_wait_ns.store(since + operation.estimate_ns, std::memory_order_relaxed);
      return;
    }
  }
  const Code code = enqueue_waits(pages, operation.stream, mask);
  if (code == Code::kSuccess) {
    pages.session->counters.gate_waits.fetch_add(static_cast<uint64_t>(__builtin_popcount(mask)),
                                                 std::memory_order_relaxed);
    if (state != nullptr) {
      state->waited_mask.store(mask, std::memory_order_relaxed);
      state->since_wait_ns.store(operation.estimate_ns, std::memory_order_relaxed);
    }
  } else if (code == Code::kNotSupported) {
    pages.session->counters.flags.fetch_or(wire::kFlagNoWaitValue, std::memory_order_relaxed);
    pages.registration.store(Pages::kImpossible, std::memory_order_release);
  }
}

/// The waits for the words of `mask`, at most kWords; returns how many.
unsigned Machine::wait_operations(const Pages& pages, uint32_t mask, cuda::BatchMemoryOp* waits) {
  unsigned count = 0;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int bit = __builtin_ctz(left);
    const DevicePtr address = pages.words[bit < wire::kMaxGates ? bit : kTurnIndex];
    if (address != 0) {
      waits[count++] = {.type = cuda::BatchMemoryOpType::kWaitValue32,
                        .reserved0 = 0,
                        .address = address,
                        .value = wire::kOpen,
                        .flags = cuda::kWaitValueEqual,
                        .reserved1 = 0,
                        .alias = 0,
                        .reserved2 = 0};
    }
  }
  return count;
}

Code Machine::enqueue_waits(Pages& pages, StreamHandle stream, uint32_t mask) {
  cuda::BatchMemoryOp waits[kWords];  // filled in up to `count`
  const unsigned count = wait_operations(pages, mask, waits);
  if (count == 0) {
    return Code::kNotFound;
  }
  if (count > 1 && driver_->stream_batch_mem_op != nullptr) {
    return driver_->stream_batch_mem_op(stream, count, waits, 0);
  }
  for (unsigned i = 0; i < count; ++i) {
    const Code code =
        driver_->stream_wait_value(stream, waits[i].address, wire::kOpen, cuda::kWaitValueEqual);
    if (code != Code::kSuccess) {
      return code;
    }
  }
  return Code::kSuccess;
}

bool Machine::register_pages(Pages& pages) {
  uint32_t state = pages.registration.load(std::memory_order_acquire);
  if (state == Pages::kDone) {
    return true;
  }
  // One thread registers; what the others launch meanwhile goes ahead without a wait.
  if (state != Pages::kNone || !pages.registration.compare_exchange_strong(
                                   state, Pages::kRunning, std::memory_order_acq_rel)) {
    return false;
  }
  const RelaxedCapture relaxed(*driver_);
  const auto map = [&](void* page, void* word, bool writable, DevicePtr* address) {
    const unsigned flags = cuda::kHostAllocPortable | cuda::kHostAllocDeviceMap |
                           (writable ? 0 : cuda::kHostRegisterReadOnly);
    const Code code = driver_->host_register(page, wire::kPageBytes, flags);
    return (code == Code::kSuccess || code == Code::kHostMemoryAlreadyRegistered) &&
           driver_->host_device_pointer(address, word, 0) == Code::kSuccess;
  };
  uint32_t registered = 0;
  if (driver_->host_register != nullptr && driver_->host_device_pointer != nullptr &&
      driver_->stream_wait_value != nullptr) {
    // All at once: a later registration could find the GPU waiting at a gate.
    for (int i = 0; i < wire::kMaxGates; ++i) {
      if (pages.gates[i] != nullptr &&
          map(pages.gates[i], &pages.gates[i]->word, pages.gate_writable[i], &pages.words[i])) {
        registered |= 1U << i;
      }
    }
    if (map(pages.session, &pages.session->turn.word, true, &pages.words[kTurnIndex])) {
      registered |= wire::kArmedTurn;
    }
  }
  log_debug("gate pages registered: %08x", registered);
  wire::Counters& counters = pages.session->counters;
  counters.gate_registered.store(registered, std::memory_order_relaxed);
  pages.registered_in = current_context();
  ++pages.registrations;
  if (registered == 0) {
    counters.flags.fetch_or(wire::kFlagNoWaitValue, std::memory_order_relaxed);
  }
  pages.registration.store(registered != 0 ? Pages::kDone : Pages::kImpossible,
                           std::memory_order_release);
  return registered != 0;
}

}  // namespace corun::shim
