#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/nearest.h"

namespace corun::cli {

namespace {

std::string see_help(std::string_view verb) { return fmt::format("see 'corun {} --help'", verb); }

Error unexpected(const CLI::App& app, std::string_view verb, const std::string& argument) {
  std::string typed = argument.substr(0, argument.find('='));
  if (!typed.starts_with("-")) {
    return usage_error(fmt::format("unexpected argument '{}'", typed), see_help(verb));
  }
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  std::vector<std::string_view> views(names.begin(), names.end());
  auto near = nearest(typed, views);
  return usage_error(fmt::format("unknown option '{}'", typed),
                     near ? fmt::format("did you mean '{}'?", *near) : see_help(verb));
}

}  // namespace

Status parse_arguments(CLI::App& app, std::string_view verb,
                       std::span<const std::string> arguments) {
  app.set_help_flag();
  app.allow_extras();
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), see_help(verb));
  }
  if (auto extras = app.remaining(); !extras.empty()) {
    return unexpected(app, verb, extras.front());
  }
  return {};
}

Result<std::vector<int>> parse_numbers(std::string_view option, std::string_view text, int low,
                                       int high) {
  std::vector<int> numbers;
  for (const std::string& part : split_list(text)) {
    int number = 0;
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    bool whole = error == std::errc() && end == part.data() + part.size();
    if (!whole || number < low || number > high) {
      return usage_error(
          fmt::format("{} '{}' is not a whole number from {} to {}", option, part, low, high));
    }
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) {
      numbers.push_back(number);
    }
  }
  if (numbers.empty()) return usage_error(fmt::format("{} needs a number", option));
  return numbers;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    if (!part.empty()) parts.emplace_back(part);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return parts;
}

}  // namespace corun::cli
