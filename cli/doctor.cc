// corun doctor: what this node can do for each mode, what is missing, and the fix.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/doctor_report.h"
#include "cli/verb.h"

namespace corun::cli {

namespace {

constexpr char kHelp[] =
    "Usage: corun doctor [--json]\n"
    "\n"
    "Looks at the driver, the GPUs and the node, changes nothing, and prints which sharing modes\n"
    "are possible, what is missing and how to get it.\n"
    "\n"
    "  --json   one JSON object: {schema, simulated, gpus: [{..., modes}], checks}\n"
    "\n"
    "Exit code: 0 when a GPU can be shared, 3 when there is none.\n"
    "\n"
    "Example:\n"
    "  corun doctor --json | jq '.checks[] | select(.level != \"ok\")'\n";

struct DoctorOptions {
  bool json = false;
};

Result<DoctorOptions> parse(std::span<const std::string> arguments) {
  DoctorOptions options;
  CLI::App app;
  app.set_help_flag();
  app.add_flag("--json", options.json);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), "see 'corun doctor --help'");
  }
  return options;
}

Result<ExitCode> run_doctor(std::span<const std::string> arguments, Console& console) {
  CORUN_ASSIGN(const DoctorOptions options, parse(arguments));
  const DoctorReport report = examine(gpu::collect_node_facts({}));
  if (options.json) {
    console.out << to_line(to_json(report)) << "\n";
  } else {
    console.out << to_text(report);
  }
  return verdict(report);
}

}  // namespace

const Verb kDoctorVerb{"doctor", "what this node can do, what is missing, and the fix", kHelp,
                       run_doctor};

}  // namespace corun::cli
