// Calls of any signature that only have to wait while the process is parked: a stub that keeps the
// arguments, asks, and goes on to the driver by a tail jump.
#include "engine/shim/preload/process.h"

namespace corun::shim {

namespace {

/// What a call says of its process besides.
enum class TouchKind {
  kPlain,
  kShares,  ///< memory or events go to other processes
};

Code no_driver() { return Code::kStubLibrary; }

/// Before the call of `kSlot`: where it goes on.
template <Slot kSlot, TouchKind kKind>
void* touched() {
  if (before_other_call() != nullptr && kKind == TouchKind::kShares) {
    machine.note(wire::kFlagSharesMemory);
  }
  void* function = next_of(kSlot);
  return function != nullptr ? function : reinterpret_cast<void*>(&no_driver);
}

}  // namespace

// NOLINTBEGIN(hicpp-no-assembler)
// In rax: the function to call first, which returns where to go on.
asm(R"(
  .text
  .p2align 4
  .type corun_touch, @function
corun_touch:
  .cfi_startproc
  push %rdi
  .cfi_adjust_cfa_offset 8
  push %rsi
  .cfi_adjust_cfa_offset 8
  push %rdx
  .cfi_adjust_cfa_offset 8
  push %rcx
  .cfi_adjust_cfa_offset 8
  push %r8
  .cfi_adjust_cfa_offset 8
  push %r9
  .cfi_adjust_cfa_offset 8
  sub $136, %rsp
  .cfi_adjust_cfa_offset 136
  movups %xmm0, (%rsp)
  movups %xmm1, 16(%rsp)
  movups %xmm2, 32(%rsp)
  movups %xmm3, 48(%rsp)
  movups %xmm4, 64(%rsp)
  movups %xmm5, 80(%rsp)
  movups %xmm6, 96(%rsp)
  movups %xmm7, 112(%rsp)
  call *%rax
  movups (%rsp), %xmm0
  movups 16(%rsp), %xmm1
  movups 32(%rsp), %xmm2
  movups 48(%rsp), %xmm3
  movups 64(%rsp), %xmm4
  movups 80(%rsp), %xmm5
  movups 96(%rsp), %xmm6
  movups 112(%rsp), %xmm7
  add $136, %rsp
  .cfi_adjust_cfa_offset -136
  pop %r9
  .cfi_adjust_cfa_offset -8
  pop %r8
  .cfi_adjust_cfa_offset -8
  pop %rcx
  .cfi_adjust_cfa_offset -8
  pop %rdx
  .cfi_adjust_cfa_offset -8
  pop %rsi
  .cfi_adjust_cfa_offset -8
  pop %rdi
  .cfi_adjust_cfa_offset -8
  jmp *%rax
  .cfi_endproc
  .size corun_touch, .-corun_touch
)");

#define CORUN_DEFINE(symbol, kind, stream, since)                                          \
  extern "C" __attribute__((visibility("hidden"), used)) void* corun_touched_##symbol() {  \
    return touched<Slot::symbol, TouchKind::kind>();                                       \
  }                                                                                        \
  extern "C" __attribute__((visibility("hidden"))) void corun_touch_##symbol();            \
  asm(".text\n .p2align 4\n .globl corun_touch_" #symbol "\n .hidden corun_touch_" #symbol \
      "\n .type corun_touch_" #symbol ", @function\ncorun_touch_" #symbol                  \
      ":\n endbr64\n lea corun_touched_" #symbol                                           \
      "(%rip), %rax\n jmp corun_touch\n .size "                                            \
      "corun_touch_" #symbol ", .-corun_touch_" #symbol);                                  \
  CORUN_DEFINE_HOOK(symbol, &corun_touch_##symbol)
CORUN_TOUCH_HOOKS(CORUN_DEFINE)
#undef CORUN_DEFINE
// NOLINTEND(hicpp-no-assembler)

}  // namespace corun::shim
