// corun doctor: what this node can do for each mode, what is missing, and the fix.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/doctor_report.h"
#include "cli/managed_checks.h"
#include "cli/node.h"
#include "cli/verb.h"
#include "core/environment.h"

namespace corun::cli {

namespace {

constexpr char kDoctorHelp[] =
    "Usage: corun doctor [--gpu auto|real|simulated[:PROFILE]] [--json]\n"
    "\n"
    "Looks at the driver, the GPUs and the node, changes nothing, and prints which sharing modes\n"
    "are possible, what is missing and how to get it.\n"
    "\n"
    "  --gpu NODE   auto (default): the node that CORUN_SIM_NODE names, else the real one, GPU or\n"
    "               not; real; simulated, or simulated:PROFILE\n"
    "  --json       one JSON object: {schema, simulated, gpus: [{..., modes}], checks}\n"
    "\n"
    "Exit code: 0 when a GPU can be shared, 3 when there is none.\n"
    "\n"
    "Example:\n"
    "  corun doctor --json | jq '.checks[] | select(.level != \"ok\")'\n";

struct DoctorOptions {
  NodeChoice node;
  bool json = false;
};

Result<DoctorOptions> parse(std::span<const std::string> arguments) {
  DoctorOptions options;
  std::string node = "auto";
  CLI::App app;
  app.add_option("--gpu", node);
  app.add_flag("--json", options.json);
  CORUN_TRY(parse_arguments(app, "doctor", arguments));
  CORUN_ASSIGN(options.node, parse_node_choice(node));
  return options;
}

/// Programs of one build lie in one folder.
bool training_built() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return std::filesystem::exists(self.parent_path() / "corun-train", error);
}

DoctorReport examine_all() {
  const gpu::NodeFacts facts = gpu::collect_node_facts({});
  DoctorReport report = examine(facts);
  const auto managed = managed_findings(facts, collect_managed_facts(facts));
  report.findings.insert(report.findings.end(), managed.begin(), managed.end());
  report.findings.push_back(training_finding(training_built()));
  return report;
}

/// Other than the verbs that run workloads, doctor looks at a real node that has no GPU too: to say
/// what is missing there is its work.
Result<DoctorReport> examine_node(const NodeChoice& choice) {
  const bool named = environment(kEnvSimNode).has_value();
  const bool simulated = choice.kind == NodeChoice::Kind::kSimulated ||
                         (choice.kind == NodeChoice::Kind::kAuto && named);
  if (simulated) {
    CORUN_ASSIGN(const Node node, Node::open(choice));
    return examine_all();
  }
  if (choice.kind == NodeChoice::Kind::kReal) use_real_driver();
  return examine_all();
}

Result<ExitCode> run_doctor(std::span<const std::string> arguments, Console& console) {
  CORUN_ASSIGN(const DoctorOptions options, parse(arguments));
  CORUN_ASSIGN(const DoctorReport report, examine_node(options.node));
  if (options.json) {
    console.out << to_line(to_json(report)) << "\n";
  } else {
    console.out << to_text(report);
  }
  return verdict(report);
}

}  // namespace

const Verb kDoctorVerb{"doctor", "what this node can do, what is missing, and the fix", kDoctorHelp,
                       run_doctor};

}  // namespace corun::cli
