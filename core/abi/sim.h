// What tells a simulated driver from a real one: the simulated libcuda.so.1 exports this symbol,
//   extern "C" const char* corun_sim_profile();
// which returns the name of the simulated product's profile ("h100"). No real driver has it.
#pragma once

namespace corun::sim {

inline constexpr char kProfileSymbol[] = "corun_sim_profile";
using ProfileFunction = const char*();

}  // namespace corun::sim
