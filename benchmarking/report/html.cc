#include "benchmarking/report/html.h"

#include <fmt/format.h>

namespace corun::benchmarking {

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Control characters are not allowed in XML at all.
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string html_table(const DataTable& table, const std::string& caption, size_t text_columns) {
  std::string out = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" +
                    escaped(caption) + "\"><table><caption>" + escaped(caption) +
                    "</caption><thead><tr>";
  const auto kind = [&](size_t column) { return column < text_columns ? " class=\"text\"" : ""; };
  for (size_t c = 0; c < table.head.size(); ++c) {
    out += fmt::format("<th scope=\"col\"{}>{}</th>", kind(c), escaped(table.head[c]));
  }
  out += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) {
      out += fmt::format("<td{}>{}</td>", kind(c), escaped(row[c]));
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace corun::benchmarking
