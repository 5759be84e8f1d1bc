// Options of a verb: CLI11 parses, corun words the errors. Help texts are written by hand.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace corun::cli {

/// Parses into the variables that `app` was given. Errors (usage): one line, with the nearest
/// option for an unknown one. Nothing is thrown.
Status parse_arguments(CLI::App& app, std::string_view verb,
                       std::span<const std::string> arguments);

/// "1,2,4" as whole numbers from `low` to `high`. Errors (usage) name the option.
Result<std::vector<int>> parse_numbers(std::string_view option, std::string_view text, int low,
                                       int high);
/// "a,b" as a list without blanks; empty parts are dropped.
std::vector<std::string> split_list(std::string_view text);

}  // namespace corun::cli
