#include <array>

#include "cli/verb.h"

namespace corun::cli {

std::span<const Verb* const> verbs() {
  // One line per verb, in the order of the help text.
  static constexpr std::array kVerbs{
      &kDoctorVerb, &kBenchVerb, &kReportVerb, &kRunVerb,      &kStatusVerb,
      &kTopVerb,    &kTraceVerb, &kSetVerb,    &kSettingsVerb, &kParkVerb,
      &kResumeVerb, &kServeVerb, &kCdiVerb,
  };
  return kVerbs;
}

}  // namespace corun::cli
