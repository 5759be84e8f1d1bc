// Text for people: on one line, and without anything that a terminal would obey.
#pragma once

#include <string>
#include <string_view>

namespace corun {

/// `text` with every control character (line feeds, escapes) as '?'. Other bytes stay.
std::string one_line(std::string_view text);

}  // namespace corun
