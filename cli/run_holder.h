// The holder of `corun run`: a process in the background that the first run starts. It keeps the
// mode in force, and a simulated node alive, until a moment after the last run has ended, and then
// undoes everything (modes/place.h).
#pragma once

#include <string>

#include "cli/node.h"
#include "core/exit_code.h"
#include "core/json.h"
#include "modes/daemon_choice.h"
#include "modes/place.h"

namespace corun::cli {

/// The hidden option of `corun run` behind which a holder finds what to hold.
inline constexpr char kHoldOption[] = "--hold";

struct HolderOptions {
  modes::Place place;
  NodeChoice node;
  int device = 0;
  std::string mode;
  modes::DaemonChoice choice;
};

/// Takes a lock of a place, `LOCK_SH` or `LOCK_EX`, as flock() does; waits for it unless LOCK_NB.
/// An invalid descriptor when it is not free. Errors (failed): the file cannot be made.
Result<Fd> lock(const std::filesystem::path& file, int operation);

/// Starts a holder and waits until everything is in force. The caller holds the start lock.
/// Errors: those of the node and the mode, as the holder found them.
Status start_holder(const HolderOptions& options);

/// The life of a holder; `text` is what start_holder() gave it.
Result<ExitCode> hold(const std::string& text);

}  // namespace corun::cli
