#include "workloads/interactive/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "core/files.h"
#include "core/units.h"

namespace corun::interactive {

namespace {

constexpr char kHelp[] =
    R"(corun-interactive: a notebook whose cells are run by a person who thinks in between.

usage: corun-interactive [--script FILE] [options]

  --script FILE     a line a cell, 'NAME: STEP; STEP': cpu TIME, gpu TIME, copy SIZE, alloc SIZE
                    (device memory that stays), free; '#' begins a comment (default: five cells)
  --think KIND:TIME between two cells: constant, exponential (mean) or lognormal (median, then
                    perhaps :SIGMA); default lognormal:1s:1
  --memory SIZE     device memory held all the time besides (default 0)
  --gpu N           default 0
  --seed N          stand-alone: of the think times (default 1)
  --duration TIME   stand-alone: window after the first cell (default 10s)

After the last cell the first one comes again. The latency of a cell is what the person feels.
With CORUN_ROWS set it speaks the row protocol (docs/row-protocol.md).

example: corun-interactive --script notebook.txt --think exponential:5s
exit codes: 0 ok, 1 failed, 2 usage, 3 not supported here
)";

struct RawTexts {
  std::string script, think = "lognormal:1s:1", memory, duration = "10s";
};

Status read_raw(const RawTexts& raw, InteractiveOptions& options) {
  std::string text = kDefaultScript;
  if (!raw.script.empty()) {
    auto read = read_file(raw.script);
    if (!read) return usage_error(read.error().what, "give a file to --script");
    text = std::move(*read);
  }
  CORUN_ASSIGN(options.cells, parse_script(text, raw.script.empty() ? "script" : raw.script));
  CORUN_ASSIGN(options.think, parse_think(raw.think));
  if (!raw.memory.empty()) {
    CORUN_ASSIGN(options.common.memory_bytes, parse_bytes(raw.memory));
  }
  CORUN_ASSIGN(options.common.duration, parse_duration(raw.duration));
  if (options.common.duration > Nanos(0)) return {};
  return usage_error("--duration must be above 0");
}

}  // namespace

Result<std::optional<InteractiveOptions>> parse_interactive_options(int argc,
                                                                    const char* const* argv) {
  InteractiveOptions options;
  RawTexts raw;
  bool help = false;
  CLI::App app("", "corun-interactive");
  app.set_help_flag();
  app.add_flag("-h,--help", help);
  app.set_version_flag("--version", std::string("corun-interactive ") + CORUN_VERSION);
  app.add_option("--script", raw.script);
  app.add_option("--think", raw.think);
  app.add_option("--memory", raw.memory);
  app.add_option("--gpu", options.common.gpu)->check(CLI::Range(0, 1023));
  app.add_option("--seed", options.common.seed);
  app.add_option("--duration", raw.duration);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked);
    return std::optional<InteractiveOptions>();
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), "see corun-interactive --help");
  }
  if (help) {
    fmt::print("{}", kHelp);
    return std::optional<InteractiveOptions>();
  }
  CORUN_TRY(read_raw(raw, options));
  return std::optional(std::move(options));
}

}  // namespace corun::interactive
