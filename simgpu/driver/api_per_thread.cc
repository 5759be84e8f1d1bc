#include <cstring>
#include <string>

#include "simgpu/driver/api.h"
#include "simgpu/driver/per_thread.h"

namespace corun::simgpu::driver {

namespace {
thread_local bool per_thread_default = false;
}  // namespace

PerThreadDefault::PerThreadDefault() { per_thread_default = true; }
PerThreadDefault::~PerThreadDefault() { per_thread_default = false; }
bool PerThreadDefault::active() { return per_thread_default; }

namespace api {

// NOLINTBEGIN(bugprone-macro-parentheses): names, parameter and argument lists
#define CORUN_SIM_DEFINE(name, symbol, parameters, arguments) \
  extern "C" Code symbol parameters {                         \
    const PerThreadDefault scope;                             \
    return api::name arguments;                               \
  }
// NOLINTEND(bugprone-macro-parentheses)
CORUN_SIM_PER_THREAD_FUNCTIONS(CORUN_SIM_DEFINE)
#undef CORUN_SIM_DEFINE

}  // namespace api

void* per_thread_form(const char* symbol) {
  struct Form {
    const char* symbol;
    void* function;
  };
#define CORUN_SIM_FORM(name, symbol, parameters, arguments) \
  {#symbol, reinterpret_cast<void*>(&api::symbol)},
  static const Form kForms[] = {CORUN_SIM_PER_THREAD_FUNCTIONS(CORUN_SIM_FORM)};
#undef CORUN_SIM_FORM
  const std::string plain(symbol);
  for (const Form& form : kForms) {
    if (plain + "_ptsz" == form.symbol || plain + "_ptds" == form.symbol) return form.function;
  }
  return nullptr;
}

}  // namespace corun::simgpu::driver
