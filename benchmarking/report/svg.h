// A plot canvas: shapes in, SVG out, for a page and as a file of its own. Styles come from CSS
// classes (theme.h), so that light and dark need no second drawing.
#pragma once

#include <string>
#include <vector>

namespace corun::benchmarking {

struct Point {
  double x = 0;
  double y = 0;
};

enum class Anchor { kStart, kMiddle, kEnd };

class Canvas {
 public:
  /// `id` is unique on its page; title and description are what a screen reader says.
  Canvas(std::string id, std::string title, std::string description, double width, double height);

  double width() const { return width_; }
  double height() const { return height_; }

  void line(Point from, Point to, const std::string& classes);
  void polyline(const std::vector<Point>& points, const std::string& classes);
  /// Closed and filled.
  void polygon(const std::vector<Point>& points, const std::string& classes);
  void rect(Point corner, double width, double height, const std::string& classes,
            const std::string& tooltip = {});
  void circle(Point centre, double radius, const std::string& classes,
              const std::string& tooltip = {});
  void text(Point at, const std::string& text, const std::string& classes,
            Anchor anchor = Anchor::kStart);
  /// Text turned a quarter to the left, for a vertical axis.
  void vertical_text(Point at, const std::string& text, const std::string& classes);
  /// A horizontal interval with end ticks; nothing when it is shorter than `least` (a dot on top
  /// would hide all but stray ends of it).
  void whisker(double low, double high, double y, const std::string& classes, double least = 0);
  void vertical_whisker(double x, double low, double high, const std::string& classes,
                        double least = 0);
  /// Everything until the next end_group() has these classes (a mode's colour).
  void begin_group(const std::string& classes);
  void end_group();

  /// For a page that holds plot_css(). `classes` are added to the svg element.
  std::string markup(const std::string& classes) const;
  /// A whole SVG file with its own styles and background.
  std::string file() const;

 private:
  std::string element(const std::string& attributes, bool with_style) const;

  std::string id_;
  std::string title_;
  std::string description_;
  double width_;
  double height_;
  std::string body_;
};

/// A rough width of text at 13 px, for layout.
double text_width(const std::string& text);

}  // namespace corun::benchmarking
