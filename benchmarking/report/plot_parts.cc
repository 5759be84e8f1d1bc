#include <algorithm>

#include "benchmarking/report/plots.h"
#include "benchmarking/report/theme.h"

namespace corun::benchmarking {

void legend(Canvas& canvas, Point at, const std::vector<std::string>& modes) {
  double x = at.x;
  for (const std::string& mode : modes) {
    canvas.begin_group(mode_class(mode));
    canvas.rect({x, at.y - 9}, 10, 10, "fill");
    canvas.text({x + 15, at.y}, mode, "colored");
    canvas.end_group();
    x += 15 + 1.2 * text_width(mode) + 18;  // its letters are bold
  }
}

std::vector<std::string> modes_of(const Figures& figures, bool with_solo) {
  std::vector<std::string> modes;
  for (const ModeFigures& mode : figures.modes) {
    if (mode.mode == "solo" && !with_solo) continue;
    const bool seen = std::find(modes.begin(), modes.end(), mode.mode) != modes.end();
    if (!mode.workloads.empty() && !seen) modes.push_back(mode.mode);
  }
  std::stable_sort(modes.begin(), modes.end(), [](const std::string& a, const std::string& b) {
    return mode_rank(a) < mode_rank(b);
  });
  return modes;
}

void mark_simulated(Canvas& canvas, bool simulated) {
  if (simulated)
    canvas.text({canvas.width() - 4, 14}, "SIMULATED GPU", "strong small", Anchor::kEnd);
}

}  // namespace corun::benchmarking
