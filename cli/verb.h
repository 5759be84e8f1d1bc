// A verb of corun: `corun VERB [options]`.
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/exit_code.h"
#include "core/result.h"

namespace corun::cli {

/// Where a verb prints: results on `out`, everything else on `err`.
struct Console {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  /// The command line as typed, for the records.
  std::vector<std::string> command_line;
};

struct Verb {
  std::string_view name;
  std::string_view summary;  ///< one line of `corun --help`
  std::string_view help;     ///< whole text of `corun VERB --help`: at most 25 lines, one example
  /// `arguments` are those after the verb. An Error is printed by the caller as
  /// `corun: error: ...` and decides the exit code.
  Result<ExitCode> (*run)(std::span<const std::string> arguments, Console& console);
};

/// All verbs, in the order of the help text.
std::span<const Verb* const> verbs();

// One definition per file cli/<verb>.cc, declared here.
extern const Verb kBenchVerb;
extern const Verb kCdiVerb;
extern const Verb kDoctorVerb;
extern const Verb kReportVerb;
extern const Verb kRunVerb;
extern const Verb kStatusVerb;
extern const Verb kTraceVerb;
extern const Verb kSetVerb;
extern const Verb kSettingsVerb;
extern const Verb kParkVerb;
extern const Verb kResumeVerb;
extern const Verb kServeVerb;
extern const Verb kTopVerb;

}  // namespace corun::cli
