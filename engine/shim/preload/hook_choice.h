// Which hook, if any, stands for an address that cuGetProcAddress returned: pure, so that tables
// can test it.
#pragma once

#include <cstdint>

#include "engine/shim/preload/hook_table.h"

namespace corun::shim {

/// What a symbol is exported at; null: not exported.
using ExportedAt = void* (*)(const char* symbol);

/// Row of an exported symbol, or -1.
int slot_of_symbol(const char* symbol);

/// Row for what cuGetProcAddress(`name`, `version`, `flags`) gave, or -1: leave it alone. An
/// address that a hooked symbol is exported at decides; one that another variant is exported at is
/// left alone (its signature is not ours); any other is chosen by version and flags.
int slot_of_address(const char* name, const void* address, int version, uint64_t flags,
                    ExportedAt exported_at);

}  // namespace corun::shim
