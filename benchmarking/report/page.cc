#include "benchmarking/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "benchmarking/format.h"
#include "benchmarking/report/html.h"
#include "benchmarking/report/theme.h"
#include "benchmarking/scoreboard.h"

namespace corun::benchmarking {

namespace {

std::string page_start(const std::string& title) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n"
         "<link rel=\"icon\" href=\"data:,\">\n<title>" +
         escaped(title) + "</title>\n<style>" + plot_css() + page_css() +
         "</style>\n</head>\n<body>\n";
}

std::string page_end(const std::string& sentence) {
  return "</main>\n<footer>" + escaped(sentence) +
         " Made by corun; it loads nothing from elsewhere and runs no script.</footer>\n"
         "</body>\n</html>\n";
}

std::string simulated_banner() {
  return "<p class=\"simulated\" role=\"note\"><strong>SIMULATED</strong><br>Every figure on this "
         "page is of corun's simulated GPU. None was measured on hardware.</p>\n";
}

std::string mode_chip(const std::string& mode) {
  return fmt::format("<span class=\"mode {}\"><span>{}</span></span>", mode_class(mode),
                     escaped(mode));
}

/// "2.10" with the interval small behind it.
std::string figure_cell(const std::string& text) {
  const size_t bracket = text.find(" [");
  if (bracket == std::string::npos) return "<td>" + escaped(text) + "</td>";
  return "<td>" + escaped(text.substr(0, bracket)) + " <span class=\"interval\">" +
         escaped(text.substr(bracket + 1)) + "</span></td>";
}

std::string figure_html(const Plot& plot) {
  return "<figure>\n<h3>" + escaped(plot.heading) + "</h3>\n<figcaption>" + escaped(plot.caption) +
         "</figcaption>\n<div class=\"scroll\">\n" +
         plot.canvas.markup(plot.wide ? "wide" : "half") +
         "</div>\n<details><summary>Figures as a "
         "table</summary>\n" +
         html_table(plot.data, plot.heading, 2) + "</details>\n</figure>\n";
}

/// Wide plots on their own, the others two abreast, in the order given.
std::string plots_html(const std::vector<Plot>& plots) {
  std::string out;
  bool in_grid = false;
  for (const Plot& plot : plots) {
    if (!plot.wide && !in_grid) out += "<div class=\"grid2\">\n";
    if (plot.wide && in_grid) out += "</div>\n";
    in_grid = !plot.wide;
    out += figure_html(plot);
  }
  return out + (in_grid ? "</div>\n" : "");
}

/// The worst p99 inflation of the latency-critical workloads, or of all where there is none.
std::string worst_inflation(const ModeFigures& mode) {
  std::optional<Estimate> worst;
  bool critical = false;
  for (const WorkloadFigures& w : mode.workloads) {
    if (!w.inflation) continue;
    const bool is_critical = w.service_class == ServiceClass::kLatencyCritical;
    if (is_critical && !critical) worst.reset();
    critical |= is_critical;
    if (is_critical != critical) continue;
    if (!worst || w.inflation->value > worst->value) worst = w.inflation;
  }
  return with_interval(worst);
}

std::string modes_at_a_glance(const Figures& figures) {
  std::string out =
      "<div class=\"panel\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
      "aria-label=\"Modes at a glance\"><table><caption>Intervals are 95 %; a dash "
      "means not known or too few samples</caption><thead><tr><th scope=\"col\" class=\"text\">mix"
      "</th><th scope=\"col\" class=\"text\">mode</th><th scope=\"col\">STP</th><th "
      "scope=\"col\">tax</th><th scope=\"col\">worst p99/solo</th><th scope=\"col\">Jain</th>"
      "<th scope=\"col\">Jain, 1 s</th><th scope=\"col\">NVML</th><th scope=\"col\">SMs</th>"
      "<th scope=\"col\">energy</th><th scope=\"col\">valid</th></tr></thead><tbody>\n";
  std::string mix;
  for (const ModeFigures& mode : figures.modes) {
    if (mode.mode == "solo") continue;
    const bool first = mode.mix != mix;
    mix = mode.mix;
    const auto energy = value_of(mode.energy_j);
    out += fmt::format("<tr{}><td class=\"text\">{}</td><td class=\"text\">{}</td>",
                       first ? " class=\"group\"" : "", first ? escaped(mix) : "",
                       mode_chip(mode.mode));
    out += figure_cell(with_interval(mode.stp));
    out += figure_cell(percent(value_of(mode.tax)));
    out += figure_cell(worst_inflation(mode));
    out += figure_cell(number(value_of(mode.jain)));
    out += figure_cell(number(value_of(mode.jain_1s)));
    out += figure_cell(percent(value_of(mode.utilization_nvml)));
    out += figure_cell(percent(value_of(mode.sm_active)));
    out += figure_cell(energy ? number(energy) + " J" : "-");
    out += fmt::format("<td{}>{} of {}</td></tr>\n",
                       mode.valid_cells < mode.cells ? " class=\"bad\"" : "", mode.valid_cells,
                       mode.cells);
  }
  return out + "</tbody></table></div></div>\n";
}

std::string verdicts_against_solo(const Figures& figures) {
  const std::vector<Score> scores = scoreboard(figures);
  if (scores.empty()) return "";
  std::string out =
      "<div class=\"panel\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
      "aria-label=\"Verdicts against solo\"><table><caption>Against solo. SAME: within 1 % of the "
      "rate or 5 % of the p99, for the run as a whole (Holm); AMBIGUOUS: these data cannot tell"
      "</caption><thead><tr><th scope=\"col\" class=\"text\">mix</th><th scope=\"col\" "
      "class=\"text\">mode</th><th scope=\"col\" class=\"text\">tail</th><th scope=\"col\" "
      "class=\"text\">closed-loop progress</th></tr></thead><tbody>\n";
  std::string mix;
  const auto text_or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
  for (const Score& score : scores) {
    const bool first = score.mix != mix;
    mix = score.mix;
    out += fmt::format(
        "<tr{}><td class=\"text\">{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td>"
        "<td class=\"text\">{}</td></tr>\n",
        first ? " class=\"group\"" : "", first ? escaped(mix) : "", mode_chip(score.mode),
        escaped(text_or_dash(tail_text(score))), escaped(text_or_dash(progress_text(score))));
  }
  return out + "</tbody></table></div></div>\n";
}

/// One line above the workloads of a mix.
std::string mix_row(const ModeFigures& mode) {
  return fmt::format(
      "<tr class=\"group\"><th scope=\"colgroup\" class=\"text\" colspan=\"10\">{}: {} "
      "workload{}</th></tr>\n",
      escaped(mode.mix), mode.n, mode.n == 1 ? "" : "s");
}

std::string workload_row(const ModeFigures& mode, const WorkloadFigures& w, bool first) {
  std::string out =
      fmt::format("<tr{}><td class=\"text\">{}</td><td class=\"text\" title=\"{}\">{}</td>",
                  first ? " class=\"group\"" : "", first ? mode_chip(mode.mode) : "",
                  to_string(w.service_class), escaped(w.workload));
  out += figure_cell(with_interval(w.throughput) + (w.throughput ? " " + w.unit : ""));
  out += figure_cell(with_interval(w.progress));
  out += figure_cell(number(value_of(w.p50_ms)));
  out += w.saturated ? "<td class=\"bad\">saturated</td>" : figure_cell(with_interval(w.p99_ms));
  out += figure_cell(with_interval(w.inflation));
  return out + fmt::format("<td>{}</td><td>{}</td><td class=\"text bad\">{}</td></tr>\n",
                           w.requests > 0 ? std::to_string(w.requests) : "-", w.launches,
                           escaped(remarks(w)));
}

std::string workload_table(const Figures& figures) {
  std::string out =
      "<div class=\"panel\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"All "
      "workloads\"><table><thead><tr><th scope=\"col\" class=\"text\">mode</th><th scope=\"col\" "
      "class=\"text\">workload</th><th scope=\"col\">throughput</th><th scope=\"col\">progress</th>"
      "<th scope=\"col\">p50 ms</th><th scope=\"col\">p99 ms</th><th "
      "scope=\"col\">p99/solo</th><th "
      "scope=\"col\">requests</th><th scope=\"col\">runs</th><th scope=\"col\" "
      "class=\"text\"><span class=\"hidden\">remarks</span></th></tr></thead><tbody>\n";
  std::string mix;
  for (const ModeFigures& mode : figures.modes) {
    // A solo run of a larger mix knows only its own size.
    if (mode.mix != mix && mode.mode != "solo") out += mix_row(mode);
    if (mode.mix != mix && mode.mode == "solo") {
      const auto shared =
          std::find_if(figures.modes.begin(), figures.modes.end(),
                       [&](const ModeFigures& f) { return f.mix == mode.mix && f.mode != "solo"; });
      out += mix_row(shared == figures.modes.end() ? mode : *shared);
    }
    mix = mode.mix;
    bool first = true;
    for (const WorkloadFigures& w : mode.workloads) {
      out += workload_row(mode, w, first);
      first = false;
    }
  }
  return out + "</tbody></table></div></div>\n";
}

std::string void_section(const Figures& figures) {
  if (figures.voids.empty()) {
    return "<p class=\"note\">No cell was void.</p>\n";
  }
  std::string out =
      "<div class=\"panel\"><div class=\"scroll\"><table><thead><tr><th scope=\"col\" "
      "class=\"text\">mix</th><th scope=\"col\" class=\"text\">mode</th><th "
      "scope=\"col\">repetition</th><th scope=\"col\" class=\"text\">workload</th><th "
      "scope=\"col\" class=\"text\">reason</th></tr></thead><tbody>\n";
  for (const VoidCell& v : figures.voids) {
    out += fmt::format(
        "<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td><td "
        "class=\"text\">{}</td><td class=\"wrap\">{}</td></tr>\n",
        escaped(v.mix), mode_chip(v.mode), v.rep, v.workload.empty() ? "all" : escaped(v.workload),
        escaped(v.reason));
  }
  return out + "</tbody></table></div></div>\n";
}

/// Text of a JSON value as people read it: no quotes around strings, nothing as a dash.
std::string plain_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  const bool list = value.is_array() && std::none_of(value.begin(), value.end(), [](const Json& v) {
                      return v.is_structured();
                    });
  if (list) {
    std::string words;
    for (const Json& item : value) words += (words.empty() ? "" : " ") + plain_text(item);
    return words;
  }
  return value.is_null() ? "-" : to_line(value);
}

/// Modes that were asked for and that the node cannot do, from env.json.
std::string waived_section(const Json& env) {
  const auto waived = env.is_object() ? env.find("waived") : env.end();
  if (waived == env.end() || !waived->is_array() || waived->empty()) return "";
  std::string out = "<h2>Modes that this node cannot do</h2>\n<div class=\"panel\"><ul>\n";
  for (const Json& entry : *waived) {
    if (!entry.is_object()) continue;
    out += "<li>" + mode_chip(plain_text(entry.value("mode", Json("?")))) + ": " +
           escaped(plain_text(entry.value("reason", Json("")))) + "</li>\n";
  }
  return out + "</ul></div>\n";
}

/// Rows "a.b.c | value" of an object, depth first.
void flatten(const Json& value, const std::string& path, DataTable& table) {
  const bool list = value.is_array() && !value.empty() && value.front().is_structured();
  if (!value.is_object() && !list) {
    if (!path.empty()) table.rows.push_back({path, plain_text(value)});
    return;
  }
  if (list) {
    int number = 1;
    for (const Json& item : value) flatten(item, fmt::format("{} {}", path, number++), table);
    return;
  }
  for (const auto& [key, item] : value.items()) {
    flatten(item, path.empty() ? key : fmt::format("{}.{}", path, key), table);
  }
}

std::string environment_section(const Json& env) {
  DataTable table{{"key", "value"}, {}};
  flatten(env, "", table);
  if (table.rows.empty()) return "<p class=\"note\">The run left no env.json.</p>\n";
  std::string out =
      "<div class=\"panel\"><div class=\"scroll\"><table><thead><tr><th scope=\"col\" "
      "class=\"text\">key</th><th scope=\"col\" class=\"text\">value</th></tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr><td class=\"text\">" + escaped(row[0]) + "</td><td class=\"wrap\">" +
           escaped(row[1]) + "</td></tr>\n";
  }
  return out + "</tbody></table></div></div>\n";
}

/// A word of a command line as a shell needs it.
std::string shell_word(const std::string& word) {
  const bool simple = !word.empty() && word.find_first_not_of(
                                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789_-./=:,%+@") == std::string::npos;
  if (simple) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string command_line(const Json& env) {
  const auto found = env.is_object() ? env.find("command_line") : env.end();
  if (found == env.end()) return "";
  if (!found->is_array()) return plain_text(*found);
  std::string line;
  for (const Json& word : *found) line += (line.empty() ? "" : " ") + shell_word(plain_text(word));
  return line;
}

std::string reproduce_section(const Json& env) {
  const std::string line = command_line(env);
  if (line.empty()) return "<p class=\"note\">env.json has no command line.</p>\n";
  return "<div class=\"panel\"><p>The same mix, seed and order on another GPU:</p><pre>" +
         escaped(line) +
         "</pre><p class=\"note\">The report can be made again from the folder: corun report "
         "DIR.</p></div>\n";
}

std::string lead(const Figures& figures) {
  int cells = 0;
  int valid = 0;
  std::set<std::string> mixes;
  for (const ModeFigures& mode : figures.modes) {
    cells += mode.cells;
    valid += mode.valid_cells;
    mixes.insert(mode.mix);
  }
  std::string modes;
  for (const std::string& mode : modes_of(figures, false)) {
    modes += (modes.empty() ? "" : ", ") + mode;
  }
  if (modes.empty()) modes = "no valid cell";
  return fmt::format("{} · driver {} · {} · {} mix{}, {} cells, {} valid", figures.gpu,
                     figures.driver, modes, mixes.size(), mixes.size() == 1 ? "" : "es", cells,
                     valid);
}

}  // namespace

std::string report_page(const Results& results, const Figures& figures,
                        const std::vector<Plot>& plots) {
  std::string out = page_start("corun: " + figures.run);
  out += "<header><h1>" + escaped(figures.run) + "</h1>\n<p class=\"lead\">" +
         escaped(lead(figures)) + "</p>\n";
  if (figures.simulated) out += simulated_banner();
  out += "</header>\n<main>\n";
  out +=
      "<h2>At a glance</h2>\n<p class=\"note\">STP is the sum of the closed-loop workloads' "
      "progress: how many GPUs' worth of solo work one GPU did. The tax is what is missing to "
      "one. Jain's index is 1 when all progress alike.</p>\n" +
      modes_at_a_glance(figures) + verdicts_against_solo(figures);
  out += "<h2>Plots</h2>\n" + plots_html(plots);
  out += "<h2>All workloads</h2>\n" + workload_table(figures);
  out += "<h2>Void cells</h2>\n" + void_section(figures);
  out += waived_section(*results.env);
  out += "<h2>Environment</h2>\n" + environment_section(*results.env);
  out += "<h2>Reproduce</h2>\n" + reproduce_section(*results.env);
  return out + page_end("Report of " + figures.run + ".");
}

std::string comparison_page(std::span<const Results> runs, const std::vector<Plot>& plots) {
  std::vector<Figures> figures;
  bool simulated = false;
  for (const Results& run : runs) {
    figures.push_back(figures_of(run));
    simulated |= figures.back().simulated;
  }
  std::string out = page_start("corun: comparison of runs");
  out += "<header><h1>Comparison of runs</h1>\n<p class=\"lead\">" + escaped(figures.front().run) +
         " is the base.</p>\n";
  if (simulated) out += simulated_banner();
  out += "</header>\n<main>\n<h2>Runs</h2>\n<div class=\"panel\">";
  DataTable table{{"run", "GPU", "driver", "simulated", "command line"}, {}};
  for (size_t i = 0; i < runs.size(); ++i) {
    table.rows.push_back({figures[i].run, figures[i].gpu, figures[i].driver,
                          figures[i].simulated ? "yes" : "no", command_line(*runs[i].env)});
  }
  out += html_table(table, "What was compared", 5) + "</div>\n<h2>Verdicts</h2>\n";
  if (plots.empty()) out += "<p>The runs have no figure in common.</p>\n";
  out += plots_html(plots);
  for (const Figures& f : figures) {
    out += "<h2>" + escaped(f.run) + "</h2>\n" + modes_at_a_glance(f) + verdicts_against_solo(f);
  }
  return out + page_end("Comparison of runs.");
}

}  // namespace corun::benchmarking
