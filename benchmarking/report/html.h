// Markup: escaping and tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace corun::benchmarking {

/// Text for element content and quoted attributes.
std::string escaped(std::string_view text);

/// A table of plain texts: a plot's data for readers who cannot see the plot.
struct DataTable {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};
/// The first `text_columns` columns are flush left.
std::string html_table(const DataTable& table, const std::string& caption, size_t text_columns);

}  // namespace corun::benchmarking
