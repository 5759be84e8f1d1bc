#include "core/environment.h"

#include <cstdlib>
#include <map>

namespace corun {

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

void prepend_variable(std::map<std::string, std::string>& env, const std::string& name,
                      const std::string& value) {
  const auto set = env.find(name);
  const std::string old =
      set != env.end() ? set->second : environment(name.c_str()).value_or(std::string());
  env[name] = old.empty() ? value : value + ":" + old;
}

}  // namespace corun
