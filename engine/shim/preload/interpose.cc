// dlsym: how most programs find the driver. Every name that is not hooked goes on by a tail jump,
// so that the next dlsym sees the caller's own return address: RTLD_NEXT and RTLD_DEFAULT are
// resolved from it, and a second preloaded library must keep working.
#include <dlfcn.h>

#include <cstring>

#include "engine/shim/log.h"
#include "engine/shim/preload/hook_choice.h"
#include "engine/shim/preload/process.h"
#include "engine/shim/preload/real.h"

namespace corun::shim {

const Hook hooks[kSlots] = {
#define CORUN_HOOK(symbol, handler, stream, since, ...) \
  {#symbol, &corun_entry_##symbol, DefaultStream::stream == DefaultStream::kPerThread, since},
    CORUN_ALL_HOOKS(CORUN_HOOK)
#undef CORUN_HOOK
};

namespace {

/// In registers rax and rdx: where to go on, or (null) the answer.
struct Answer {
  DlsymFunction go_on;
  void* result;
};

void* hooked(int slot, void* found) {
  if (is_own(found)) {
    // The search came upon this library's own symbol: it counts if there is something behind it.
    return next_of(static_cast<Slot>(slot)) != nullptr ? *hooks[slot].entry : nullptr;
  }
  note_next(slot, found);
  return *hooks[slot].entry;
}

}  // namespace

extern "C" __attribute__((visibility("hidden"), used)) Answer corun_dlsym_answer(void* handle,
                                                                                 const char* name) {
  // RTLD_NEXT is another interposer asking for what comes after it: that is not to be hooked, and
  // only the C library can tell.
  const DlsymFunction go_on = handle == RTLD_NEXT ? libc_dlsym() : next_dlsym();
  const bool candidate = name != nullptr && handle != RTLD_NEXT && thread_state.depth == 0 &&
                         ((name[0] == 'c' && name[1] == 'u') || strncmp(name, "nvml", 4) == 0);
  if (!candidate) {
    return {go_on, nullptr};
  }
  const int slot = slot_of_symbol(name);
  if (slot < 0 || go_on == nullptr || !enabled()) {
    return {go_on, nullptr};
  }
  void* found = go_on(handle, name);
  // This library's symbol is in the default scope: who is found instead of it stands in front of it
  // and comes to it by RTLD_NEXT.
  const bool in_front =
      handle == RTLD_DEFAULT && found != nullptr && !is_own(found) && found != exported_at(name);
  if (in_front) {
    return {nullptr, found};
  }
  void* answer = found == nullptr ? nullptr : hooked(slot, found);
  log_debug("dlsym %s: %p, answered %p", name, found, answer);
  return {nullptr, answer};
}

// NOLINTBEGIN(hicpp-no-assembler)
asm(R"(
  .text
  .p2align 4
  .type corun_dlsym, @function
  .globl corun_dlsym_older
  .globl corun_dlsym_newer
corun_dlsym:
corun_dlsym_older:
corun_dlsym_newer:
  .cfi_startproc
  endbr64
  push %rdi
  .cfi_adjust_cfa_offset 8
  push %rsi
  .cfi_adjust_cfa_offset 8
  sub $8, %rsp
  .cfi_adjust_cfa_offset 8
  call corun_dlsym_answer
  add $8, %rsp
  .cfi_adjust_cfa_offset -8
  pop %rsi
  .cfi_adjust_cfa_offset -8
  pop %rdi
  .cfi_adjust_cfa_offset -8
  test %rax, %rax
  jz 1f
  jmp *%rax
1:
  mov %rdx, %rax
  ret
  .cfi_endproc
  .size corun_dlsym, .-corun_dlsym
  .symver corun_dlsym_older, dlsym@GLIBC_2.2.5
  .symver corun_dlsym_newer, dlsym@@GLIBC_2.34
)");
// NOLINTEND(hicpp-no-assembler)

}  // namespace corun::shim
