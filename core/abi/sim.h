// What tells a simulated driver from a real one: the simulated libcuda.so.1 exports this symbol,
//   extern "C" const char* corun_sim_profile();
// which returns the name of the simulated product's profile ("h100"). No real driver has it.
#pragma once

namespace corun::sim {

inline constexpr char kProfileSymbol[] = "corun_sim_profile";
using ProfileFunction = const char*();

// The simulated driver makes its device calls (core/abi/rm.h) through libc's ioctl, on descriptors
// of its own that no kernel module stands behind; and other programs may open its device files by
// libc's open. The preloaded libsimdev.so answers both: it exports this symbol, by which the driver
// tells it who does.
//   extern "C" void corun_simdev_attach(corun::sim::DeviceCall* answer,
//                                       corun::sim::DeviceOpen* open);
inline constexpr char kAttachSymbol[] = "corun_simdev_attach";
/// True: `fd` is the driver's, the call is answered and `result` what ioctl(2) returns (with
/// errno).
using DeviceCall = bool(int fd, unsigned long request, void* argument, int* result);
/// True: `path` is a device file of the simulated node, and `result` what open(2) returns (with
/// errno).
using DeviceOpen = bool(const char* path, int* result);
using AttachFunction = void(DeviceCall* answer, DeviceOpen* open);

}  // namespace corun::sim
