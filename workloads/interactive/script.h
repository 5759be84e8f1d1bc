// A notebook as text: its cells and what each does. Pure.
//
//   # what a person does in an afternoon
//   load:    cpu 200ms; alloc 2GiB; copy 256MiB
//   explore: gpu 300ms
//   plot:    gpu 20ms; cpu 80ms
//   forget:  free
//
// cpu: the processor is busy; gpu: kernels that take so long alone; copy: from the host to the
// device; alloc: device memory that stays when the cell has ended, until the cell runs again or
// some cell says free, which gives all of it back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace corun::interactive {

enum class StepKind { kCpu, kGpu, kCopy, kAlloc, kFree };

struct Step {
  StepKind kind = StepKind::kCpu;
  Nanos duration{0};   ///< kCpu, kGpu
  uint64_t bytes = 0;  ///< kCopy, kAlloc
  bool operator==(const Step&) const = default;
};

struct Cell {
  std::string name;
  std::vector<Step> steps;  ///< at least one
  bool operator==(const Cell&) const = default;
};

/// `origin` names the text in errors ("FILE:3: ..."). Errors (usage): what is wrong, and where; a
/// script without a cell.
Result<std::vector<Cell>> parse_script(std::string_view text, std::string_view origin);

/// What a notebook does that was given no script.
extern const char kDefaultScript[];

}  // namespace corun::interactive
