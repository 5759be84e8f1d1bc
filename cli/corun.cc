#include "cli/corun.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/version.h"
#include "core/nearest.h"
#include "core/text.h"

namespace corun::cli {

namespace {

std::string help_text() {
  std::string text =
      "corun: many machine-learning workloads on one NVIDIA GPU, measured and managed\n"
      "\n"
      "Usage: corun VERB [options]\n"
      "\n"
      "Verbs:\n";
  size_t width = 0;
  for (const Verb* verb : verbs()) width = std::max(width, verb->name.size());
  for (const Verb* verb : verbs()) {
    text += fmt::format("  {:<{}}  {}\n", verb->name, width, verb->summary);
  }
  text +=
      "\n"
      "  corun VERB --help   options of one verb, with an example\n"
      "  corun --version     version and commit\n"
      "\n"
      "Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 not supported on this node\n";
  return text;
}

bool asks_for_help(std::span<const std::string> arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return false;
    if (argument == "--help" || argument == "-h") return true;
  }
  return false;
}

const Verb* find_verb(std::string_view name) {
  for (const Verb* verb : verbs()) {
    if (verb->name == name) return verb;
  }
  return nullptr;
}

Error unknown_verb(const std::string& name) {
  std::vector<std::string_view> names;
  for (const Verb* verb : verbs()) names.push_back(verb->name);
  auto near = nearest(name, names);
  return usage_error(
      fmt::format("unknown verb '{}'", name),
      near ? fmt::format("did you mean '{}'? See 'corun --help'", *near) : "see 'corun --help'");
}

Result<ExitCode> dispatch(std::span<const std::string> arguments, Console& console) {
  if (arguments.empty()) {
    console.err << help_text();
    return ExitCode::kUsage;
  }
  const std::string& first = arguments.front();
  if (first == "--help" || first == "-h" || first == "help") {
    console.out << help_text();
    return ExitCode::kOk;
  }
  if (first == "--version") {
    console.out << "corun " << kVersion;
    if (kCommit[0] != '\0') console.out << " (" << kCommit << ")";
    console.out << "\n";
    return ExitCode::kOk;
  }
  if (first.starts_with("-")) {
    return usage_error(fmt::format("unknown option '{}' before the verb", first),
                       "see 'corun --help'");
  }
  const Verb* verb = find_verb(first);
  if (verb == nullptr) return unknown_verb(first);
  if (asks_for_help(arguments.subspan(1))) {
    console.out << verb->help;
    return ExitCode::kOk;
  }
  return verb->run(arguments.subspan(1), console);
}

}  // namespace

ExitCode run_corun(std::span<const std::string> arguments, Console& console) {
  auto result = dispatch(arguments, console);
  if (result) return *result;
  console.err << "corun: error: " << one_line(result.error().text()) << "\n";
  return exit_code(result.error().kind);
}

}  // namespace corun::cli
