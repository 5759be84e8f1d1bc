// Inside of the tests' driver library.
#pragma once

#include "engine/shim/preload/hook_table.h"

extern unsigned long fake_counts[corun::shim::kSlots];
#define FAKE_COUNT(symbol) fake_counts[static_cast<int>(corun::shim::Slot::symbol)]
