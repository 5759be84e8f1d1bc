#include "benchmarking/report/svg.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "benchmarking/report/html.h"
#include "benchmarking/report/theme.h"

namespace corun::benchmarking {

namespace {

/// Coordinates with a tenth of a unit, which is below what can be seen.
std::string coordinates(const std::vector<Point>& points) {
  std::string out;
  for (const Point& p : points) {
    fmt::format_to(std::back_inserter(out), "{}{:.1f},{:.1f}", out.empty() ? "" : " ", p.x, p.y);
  }
  return out;
}

std::string with_tooltip(const char* name, const std::string& attributes,
                         const std::string& tooltip) {
  if (tooltip.empty()) return fmt::format("<{} {}/>\n", name, attributes);
  return fmt::format("<{} {}><title>{}</title></{}>\n", name, attributes, escaped(tooltip), name);
}

const char* anchor_name(Anchor anchor) {
  switch (anchor) {
    case Anchor::kStart:
      return "start";
    case Anchor::kMiddle:
      return "middle";
    case Anchor::kEnd:
      return "end";
  }
  return "start";
}

}  // namespace

Canvas::Canvas(std::string id, std::string title, std::string description, double width,
               double height)
    : id_(std::move(id)),
      title_(std::move(title)),
      description_(std::move(description)),
      width_(width),
      height_(height) {}

void Canvas::line(Point from, Point to, const std::string& classes) {
  body_ +=
      fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                  classes, from.x, from.y, to.x, to.y);
}

void Canvas::polyline(const std::vector<Point>& points, const std::string& classes) {
  if (points.size() < 2) return;
  body_ += fmt::format("<polyline class=\"{}\" points=\"{}\"/>\n", classes, coordinates(points));
}

void Canvas::polygon(const std::vector<Point>& points, const std::string& classes) {
  if (points.size() < 3) return;
  body_ += fmt::format("<polygon class=\"{}\" points=\"{}\"/>\n", classes, coordinates(points));
}

void Canvas::rect(Point corner, double width, double height, const std::string& classes,
                  const std::string& tooltip) {
  body_ += with_tooltip(
      "rect",
      fmt::format("class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"",
                  classes, corner.x, corner.y, width, height),
      tooltip);
}

void Canvas::circle(Point centre, double radius, const std::string& classes,
                    const std::string& tooltip) {
  body_ += with_tooltip("circle",
                        fmt::format("class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"",
                                    classes, centre.x, centre.y, radius),
                        tooltip);
}

void Canvas::text(Point at, const std::string& text, const std::string& classes, Anchor anchor) {
  body_ +=
      fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n",
                  classes, at.x, at.y, anchor_name(anchor), escaped(text));
}

void Canvas::vertical_text(Point at, const std::string& text, const std::string& classes) {
  body_ += fmt::format(
      "<text class=\"{}\" transform=\"translate({:.1f} {:.1f}) rotate(-90)\" "
      "text-anchor=\"middle\">{}</text>\n",
      classes, at.x, at.y, escaped(text));
}

void Canvas::whisker(double low, double high, double y, const std::string& classes, double least) {
  if (std::abs(high - low) < least) return;
  line({low, y}, {high, y}, classes);
  line({low, y - 4}, {low, y + 4}, classes);
  line({high, y - 4}, {high, y + 4}, classes);
}

void Canvas::vertical_whisker(double x, double low, double high, const std::string& classes,
                              double least) {
  if (std::abs(high - low) < least) return;
  line({x, low}, {x, high}, classes);
  line({x - 4, low}, {x + 4, low}, classes);
  line({x - 4, high}, {x + 4, high}, classes);
}

void Canvas::begin_group(const std::string& classes) {
  body_ += fmt::format("<g class=\"{}\">\n", classes);
}

void Canvas::end_group() { body_ += "</g>\n"; }

std::string Canvas::element(const std::string& attributes, bool with_style) const {
  std::string out = fmt::format(
      "<svg {} viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-labelledby=\"{}-title {}-desc\">\n"
      "<title id=\"{}-title\">{}</title>\n<desc id=\"{}-desc\">{}</desc>\n",
      attributes, width_, height_, id_, id_, id_, escaped(title_), id_, escaped(description_));
  if (with_style) {
    out += "<style>" + plot_css() + "</style>\n";
    out += fmt::format("<rect class=\"surface\" width=\"{:.0f}\" height=\"{:.0f}\"/>\n", width_,
                       height_);
  }
  return out + body_ + "</svg>\n";
}

std::string Canvas::markup(const std::string& classes) const {
  return element(fmt::format("class=\"plot {}\"", classes), false);
}

std::string Canvas::file() const {
  return element(fmt::format("xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" width=\"{:.0f}\" "
                             "height=\"{:.0f}\"",
                             width_, height_),
                 true);
}

double text_width(const std::string& text) { return 7.0 * static_cast<double>(text.size()); }

}  // namespace corun::benchmarking
