// Colours and styles of the report and its plots, light and dark. One colour per mode, everywhere;
// the set stays distinct for readers who see red and green alike.
#pragma once

#include <string>

namespace corun::benchmarking {

/// CSS class that gives an element its mode's colour as `color`: "mode-mps", "mode-other".
std::string mode_class(const std::string& mode);
/// Variables and plot styles, light and dark; for the page and for each stand-alone SVG file.
std::string plot_css();
/// Styles of the page around the plots.
std::string page_css();

}  // namespace corun::benchmarking
