// What a client tells the server of its environment.
#include "core/environment.h"

#include <climits>
#include <cstdlib>
#include <sstream>

#include "core/units.h"
#include "simgpu/client/connection.h"

namespace corun::simgpu {

namespace {

// Where the driver looks for an MPS daemon when CUDA_MPS_PIPE_DIRECTORY is unset
// (https://docs.nvidia.com/deploy/mps/, "Environment Variables").
constexpr char kDefaultPipeDirectory[] = "/tmp/nvidia-mps";

std::string canonical(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

uint32_t number_in_range(const char* name, unsigned long low, unsigned long high) {
  const auto text = environment(name);
  if (!text) return 0;
  const unsigned long value = std::strtoul(text->c_str(), nullptr, 10);
  return value >= low && value <= high ? static_cast<uint32_t>(value) : 0;
}

}  // namespace

Result<std::string> node_from_environment() {
  const auto node = environment(kEnvSimNode);
  if (!node) {
    return failed("CORUN_SIM_NODE is not set", "set it to the folder of a running corun-simgpud");
  }
  return *node;
}

wire::Hello hello_from_environment(wire::Role role) {
  wire::Hello hello;
  hello.role = role;
  const std::string pipes =
      canonical(environment("CUDA_MPS_PIPE_DIRECTORY").value_or(kDefaultPipeDirectory));
  if (pipes.size() < sizeof hello.pipe_directory) {
    std::memcpy(hello.pipe_directory, pipes.c_str(), pipes.size() + 1);
  }
  hello.thread_percentage = number_in_range("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", 1, 100);
  hello.mps_priority = number_in_range("CUDA_MPS_CLIENT_PRIORITY", 1, 1);
  parse_memory_limits(environment("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT").value_or(""),
                      hello.memory_limit);
  return hello;
}

void parse_memory_limits(const std::string& text, uint64_t (&limits)[wire::kMaxGpus]) {
  std::stringstream entries(text);
  std::string entry;
  while (std::getline(entries, entry, ',')) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    const unsigned long device = std::strtoul(entry.c_str(), nullptr, 10);
    const auto bytes = parse_mps_bytes(entry.substr(equals + 1));
    if (device < wire::kMaxGpus && bytes) limits[device] = *bytes;
  }
}

std::optional<uint64_t> parse_mps_bytes(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || value < 0 || value > 1e15) return std::nullopt;
  switch (*end) {
    case 'G':
    case 'g':
      return static_cast<uint64_t>(value * static_cast<double>(kGiB));
    case 'M':
    case 'm':
      return static_cast<uint64_t>(value * static_cast<double>(kMiB));
    case 'K':
    case 'k':
      return static_cast<uint64_t>(value * static_cast<double>(kKiB));
    case '\0':
      return static_cast<uint64_t>(value);
    default:
      return std::nullopt;
  }
}

}  // namespace corun::simgpu
