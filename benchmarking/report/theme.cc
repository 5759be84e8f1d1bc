#include "benchmarking/report/theme.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace corun::benchmarking {

namespace {

struct ModeColor {
  std::string_view mode;
  std::string_view light;
  std::string_view dark;
};

constexpr std::array<ModeColor, 9> kColors{{
    {"solo", "#66717d", "#a7b2bd"},
    {"exclusive", "#0067b1", "#62b2f0"},
    {"time-slicing", "#c64b00", "#ff9a5c"},
    {"mps", "#007d5c", "#3fcf9f"},
    {"mps-priority", "#6f55b5", "#b9a4f5"},
    {"mig", "#a03a86", "#ea97d4"},
    {"managed", "#8a6a00", "#e6c04a"},
    {"managed-mps", "#b0305c", "#f58bb0"},
    {"other", "#3d4650", "#c9d1d9"},
}};

constexpr std::string_view kLight =
    "--page:#f7f8f9;--panel:#ffffff;--ink:#171c22;--muted:#56616d;--line:#c9d0d7;--grid:#e8ebee;"
    "--warn-bg:#fff1c7;--warn-ink:#5c4100;--warn-line:#e0b23c;--bad:#b3261e;--good:#00704f;";
constexpr std::string_view kDark =
    "--page:#0f1419;--panel:#171d24;--ink:#e9eef3;--muted:#9daab7;--line:#3b4651;--grid:#262f38;"
    "--warn-bg:#3a2e08;--warn-ink:#ffe19a;--warn-line:#8f6f14;--bad:#ff8a80;--good:#5fd6ae;";

std::string mode_colors(std::string_view ModeColor::*which) {
  std::string css;
  for (const ModeColor& c : kColors) css += fmt::format(".mode-{}{{color:{}}}", c.mode, c.*which);
  return css;
}

}  // namespace

std::string mode_class(const std::string& mode) {
  for (const ModeColor& c : kColors) {
    if (c.mode == mode) return "mode-" + mode;
  }
  return "mode-other";
}

std::string plot_css() {
  std::string css = fmt::format(":root{{color-scheme:light dark;{}}}", kLight);
  css += mode_colors(&ModeColor::light);
  css += fmt::format("@media (prefers-color-scheme:dark){{:root{{{}}}{}}}", kDark,
                     mode_colors(&ModeColor::dark));
  css += R"(
.plot{font:13px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",
 sans-serif}
.plot text{fill:var(--muted)}
.plot text.strong{fill:var(--ink);font-weight:600}
.plot text.ink{fill:var(--ink)}
.plot text.small{font-size:11.5px}
.plot text.colored{fill:currentColor;font-weight:600}
.plot text.inside{fill:var(--panel);font-weight:600;font-size:11.5px}
.plot .surface{fill:var(--panel)}
.plot .grid{stroke:var(--grid);stroke-width:1;fill:none}
.plot .axis{stroke:var(--line);stroke-width:1;fill:none}
.plot .reference{stroke:var(--ink);stroke-width:1.25;stroke-dasharray:5 4;fill:none}
.plot .curve{stroke:currentColor;stroke-width:2;fill:none;stroke-linejoin:round}
.plot .thin{stroke:currentColor;stroke-width:1.25;fill:none;stroke-linejoin:round}
.plot .unsure{stroke:currentColor;stroke-width:1.5;stroke-dasharray:2 4;fill:none;opacity:.7}
.plot .whisker{stroke:currentColor;stroke-width:1.75;fill:none}
.plot .whisker-ink{stroke:var(--ink);stroke-width:1.5;fill:none}
.plot .dot{fill:currentColor;stroke:var(--panel);stroke-width:1.5}
.plot .fill{fill:currentColor}
.plot .tint{fill:currentColor;opacity:.78}
.plot .area{fill:currentColor;opacity:.16}
.plot .band{fill:var(--muted);opacity:.13}
.plot .tone{color:var(--muted)}
.plot .tone-strong{color:var(--ink)}
.plot .dashed{stroke-dasharray:6 4}
)";
  return css;
}

std::string page_css() {
  return R"(
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
 font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
main,header{max-width:1220px;margin:0 auto;padding:0 20px}
header{padding-top:36px}
h1{font-size:30px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:21px;line-height:1.3;margin:44px 0 4px}
h3{font-size:16px;margin:0 0 2px}
p{margin:6px 0 12px;max-width:76ch}
.lead,.note,figcaption{color:var(--muted)}
.lead{max-width:none}
.note,figcaption{font-size:14px;line-height:1.5}
figcaption{margin:2px 0 8px;max-width:76ch}
a{color:inherit}
.simulated{max-width:none;margin:20px 0 4px;padding:12px 16px;background:var(--warn-bg);
 color:var(--warn-ink);border:1px solid var(--warn-line);border-left-width:8px;border-radius:6px}
.simulated strong{font-size:18px;letter-spacing:.06em}
.grid2{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:18px}
figure,.panel{margin:14px 0 0;padding:16px 18px;background:var(--panel);
 border:1px solid var(--line);
 border-radius:8px;min-width:0}
.grid2 figure{margin:0}.grid2{align-items:start}
.grid2{margin-top:14px}
.scroll{overflow-x:auto;position:relative}
.plot{display:block;width:100%;height:auto}
.plot.wide{min-width:860px}
.plot.half{min-width:440px}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums;width:100%}
caption{text-align:left;color:var(--muted);padding:2px 0 6px}
th,td{padding:5px 8px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th{font-weight:600;border-bottom-color:var(--line);vertical-align:bottom}
th:first-child,td:first-child{padding-left:0}
td.text,th.text{text-align:left}
td.wrap{white-space:normal;text-align:left;overflow-wrap:anywhere}
tr.group td{border-top:1px solid var(--line)}
tbody th{border-bottom-color:var(--grid);padding-top:16px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
td .interval{color:var(--muted);font-size:12.5px}
.mode{font-weight:600;white-space:nowrap}
.mode::before{content:"";display:inline-block;width:.7em;height:.7em;border-radius:2px;
 background:currentColor;margin-right:.5em}
.mode span{color:var(--ink)}
.verdict{font-weight:700;letter-spacing:.03em}
.BETTER{color:var(--good)}.WORSE,.bad{color:var(--bad);font-weight:600}
.AMBIGUOUS{color:var(--muted);font-weight:600}
details{margin-top:8px;font-size:14px}
summary{cursor:pointer;color:var(--muted)}
ul{margin:4px 0;padding-left:1.1em;list-style:none}
pre{margin:10px 0;padding:12px 14px;background:var(--page);border:1px solid var(--line);
 border-radius:6px;overflow-x:auto;font:13px/1.5 ui-monospace,"DejaVu Sans Mono",monospace}
footer{max-width:1220px;margin:40px auto 0;padding:16px 20px 40px;color:var(--muted);font-size:14px;
 border-top:1px solid var(--line)}
:focus-visible{outline:2px solid currentColor;outline-offset:2px}
@media (max-width:860px){.grid2{grid-template-columns:minmax(0,1fr)}h1{font-size:25px}
 main,header,footer{padding-left:14px;padding-right:14px}figure,.panel{padding:12px}}
@media print{body{background:#fff}figure,.panel{break-inside:avoid}}
)";
}

}  // namespace corun::benchmarking
