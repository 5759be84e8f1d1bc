#include "engine/shim/hold.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "engine/shim/log.h"
#include "engine/shim/settings.h"

namespace corun::shim {

namespace {

/// Runs until words[0] has reached `ticket` (cyclic), or for `limit` ns after words[1] last
/// changed. PTX ISA 7.0, sm_70.
constexpr char kPtx[] = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry corun_hold(.param .u64 words, .param .u32 ticket, .param .u64 limit)
{
  .reg .pred %yes;
  .reg .b32 %r<6>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [words];
  ld.param.u32 %r1, [ticket];
  ld.param.u64 %rd2, [limit];
  cvta.to.global.u64 %rd3, %rd1;
  ld.volatile.global.u32 %r4, [%rd3+4];
renewed:
  mov.u32 %r5, %r4;
  mov.u64 %rd4, %globaltimer;
again:
  ld.volatile.global.v2.u32 {%r2, %r4}, [%rd3];
  sub.s32 %r3, %r2, %r1;
  setp.ge.s32 %yes, %r3, 0;
  @%yes bra done;
  setp.ne.u32 %yes, %r4, %r5;
  @%yes bra renewed;
  mov.u64 %rd5, %globaltimer;
  sub.u64 %rd6, %rd5, %rd4;
  setp.ge.u64 %yes, %rd6, %rd2;
  @%yes bra done;
  nanosleep.u32 500;
  bra again;
done:
  ret;
}
)";

}  // namespace

bool Hold::make(const Driver& driver) {
  if (driver.module_load_data == nullptr || driver.module_get_function == nullptr ||
      driver.stream_create_with_priority == nullptr || driver.launch_kernel == nullptr ||
      driver.stream_write_value == nullptr || driver.host_register == nullptr ||
      driver.host_device_pointer == nullptr) {
    return false;
  }
  if (words_ == nullptr) {
    void* page = nullptr;
    if (posix_memalign(&page, wire::kPageBytes, wire::kPageBytes) != 0) {
      return false;
    }
    words_ = new (page) std::atomic<uint32_t>[3] {};
    words_[0].store(launched_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  const RelaxedCapture relaxed(driver);
  const Code registered = driver.host_register(
      words_, wire::kPageBytes, cuda::kHostAllocPortable | cuda::kHostAllocDeviceMap);
  if (registered != Code::kSuccess && registered != Code::kHostMemoryAlreadyRegistered) {
    return false;
  }
  int lowest = 0;
  int highest = 0;
  if (driver.stream_priority_range != nullptr) {
    driver.stream_priority_range(&lowest, &highest);
  }
  ModuleHandle module = nullptr;
  // The highest priority: hardware queues are shared by streams of one priority, and work of the
  // application's must not queue behind it.
  return driver.host_device_pointer(&address_, words_, 0) == Code::kSuccess &&
         driver.module_load_data(&module, kPtx) == Code::kSuccess &&
         driver.module_get_function(&function_, module, "corun_hold") == Code::kSuccess &&
         driver.stream_create_with_priority(&stream_, cuda::kStreamNonBlocking, highest) ==
             Code::kSuccess;
}

void Hold::free_page() {
  free(words_);
  words_ = nullptr;
}

void Hold::prepare(const Driver& driver) {
  ContextHandle context = context_.load(std::memory_order_acquire);
  if (!wanted() || driver.ctx_push == nullptr || driver.ctx_pop == nullptr ||
      driver.ctx_push(context) != Code::kSuccess) {
    return;
  }
  const bool made = make(driver);
  ContextHandle popped = nullptr;
  driver.ctx_pop(&popped);
  State wanted = kWanted;
  state_.compare_exchange_strong(wanted, made ? kReady : kImpossible, std::memory_order_acq_rel);
  log_debug("holding the GPU between bursts: %s", made ? "ready" : "impossible");
}

void Hold::want(ContextHandle context) {
  const uint32_t rest = rest_.load(std::memory_order_relaxed);
  if (rest > 0) {
    rest_.store(rest - 1, std::memory_order_relaxed);
  }
  State none = kNone;
  if (state_.load(std::memory_order_acquire) == kNone) {
    context_.store(context, std::memory_order_release);
    state_.compare_exchange_strong(none, kWanted, std::memory_order_acq_rel);
  }
}

bool Hold::start(const Driver& driver, uint64_t limit_ns) {
  if (state_.load(std::memory_order_acquire) != kReady || active() ||
      driver.ctx_push(context_.load(std::memory_order_relaxed)) != Code::kSuccess) {
    return false;
  }
  uint32_t ticket = launched_.load(std::memory_order_relaxed) + 1;
  void* parameters[] = {&address_, &ticket, &limit_ns};
  limit_ns_.store(limit_ns, std::memory_order_relaxed);
  launched_.store(ticket, std::memory_order_seq_cst);
  Code code = driver.launch_kernel(function_, 1, 1, 1, 1, 1, 1, 0, stream_, parameters, nullptr);
  if (code == Code::kSuccess) {
    code = driver.stream_write_value(stream_, address_ + 2 * sizeof(uint32_t), ticket, 0);
  }
  ContextHandle popped = nullptr;
  driver.ctx_pop(&popped);
  if (code != Code::kSuccess) {
    release();
    state_.store(kImpossible, std::memory_order_release);
  }
  return code == Code::kSuccess;
}

void Hold::judge(uint64_t lasted_ns) {
  if (!active()) {
    return;
  }
  if (lasted_ns < limit_ns_.load(std::memory_order_relaxed)) {
    strikes_.store(0, std::memory_order_relaxed);
    return;
  }
  const uint32_t strikes = std::min(strikes_.load(std::memory_order_relaxed) + 1, kHoldStrikes);
  strikes_.store(strikes, std::memory_order_relaxed);
  rest_.store(kHoldRest << strikes, std::memory_order_relaxed);
}

void Hold::forget_context(ContextHandle context) {
  if (context_.load(std::memory_order_acquire) == context) {
    release();
    state_.store(kNone, std::memory_order_release);
  }
}

void Hold::reset() {
  state_.store(kNone, std::memory_order_relaxed);
  context_.store(nullptr, std::memory_order_relaxed);
  words_ = nullptr;  // the parent's page: a child makes its own
  launched_.store(0, std::memory_order_relaxed);
  released_.store(0, std::memory_order_relaxed);
}

}  // namespace corun::shim
