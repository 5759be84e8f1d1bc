#include "engine/shim/preload/hook_choice.h"

#include <cstdio>
#include <cstring>

#include "engine/shim/abi.h"

namespace corun::shim {

namespace {

constexpr const char* kVersions[] = {"", "_v2", "_v3", "_v4", "_v5"};
constexpr const char* kStreams[] = {"", "_ptsz", "_ptds"};

/// Whether `symbol` is `name`, perhaps with a version and a stream suffix.
bool is_variant(const char* symbol, const char* name) {
  const size_t length = strlen(name);
  if (strncmp(symbol, name, length) != 0) {
    return false;
  }
  const char* rest = symbol + length;
  if (rest[0] == '_' && rest[1] == 'v' && rest[2] >= '2' && rest[2] <= '9') {
    rest += 3;
  }
  return rest[0] == '\0' || strcmp(rest, "_ptsz") == 0 || strcmp(rest, "_ptds") == 0;
}

/// The one function that cuda.h renames to another base name (from 12.0 on).
const char* renamed(const char* name) {
  return strcmp(name, "cuGraphInstantiate") == 0 ? "cuGraphInstantiateWithFlags" : name;
}

/// Whether a program that asks for `name` may mean `symbol`.
bool may_mean(const char* symbol, const char* name) {
  return is_variant(symbol, name) || is_variant(symbol, renamed(name));
}

bool exported_by_a_variant(const char* name, const void* address, ExportedAt exported_at) {
  char symbol[128];
  for (const char* version : kVersions) {
    for (const char* stream : kStreams) {
      snprintf(symbol, sizeof symbol, "%s%s%s", name, version, stream);
      if (exported_at(symbol) == address) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

int slot_of_symbol(const char* symbol) {
  for (int slot = 0; slot < kSlots; ++slot) {
    if (strcmp(hooks[slot].symbol, symbol) == 0) {
      return slot;
    }
  }
  return -1;
}

int slot_of_address(const char* name, const void* address, int version, uint64_t flags,
                    ExportedAt exported_at) {
  bool any = false;
  for (int slot = 0; slot < kSlots; ++slot) {
    if (may_mean(hooks[slot].symbol, name)) {
      any = true;
      if (exported_at(hooks[slot].symbol) == address) {
        return slot;
      }
    }
  }
  if (!any || exported_by_a_variant(name, address, exported_at)) {
    return -1;
  }
  const bool per_thread = (flags & cuda::kProcAddressPerThread) != 0;
  int best = -1;
  bool best_fits = false;
  for (int slot = 0; slot < kSlots; ++slot) {
    const Hook& hook = hooks[slot];
    if (!may_mean(hook.symbol, name) || hook.since > version || (hook.per_thread && !per_thread)) {
      continue;
    }
    // A function without a per-thread variant serves both.
    const bool fits = hook.per_thread == per_thread;
    if (best < 0 || (fits && !best_fits) ||
        (fits == best_fits && hook.since >= hooks[best].since)) {
      best = slot;
      best_fits = fits;
    }
  }
  return best;
}

}  // namespace corun::shim
