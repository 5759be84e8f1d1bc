// What a client tells the server of its environment.
#include "core/environment.h"

#include <charconv>
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

uint32_t number_in_range(const char* name, uint32_t low, uint32_t high) {
  const std::string text = environment(name).value_or("");
  uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value >= low && value <= high ? value : 0;
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
    uint32_t device = wire::kMaxGpus;
    std::from_chars(entry.data(), entry.data() + equals, device);
    const auto bytes = parse_mps_bytes(entry.substr(equals + 1));
    if (device < wire::kMaxGpus && bytes) limits[device] = *bytes;
  }
}

std::optional<uint64_t> parse_mps_bytes(const std::string& text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [unit, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || value > (uint64_t{1} << 50)) return std::nullopt;
  const std::string_view suffix(unit, static_cast<size_t>(end - unit));
  if (suffix.empty() || suffix == "B") return value;
  if (suffix == "K" || suffix == "KB") return value * kKiB;
  if (suffix == "M" || suffix == "MB") return value * kMiB;
  if (suffix == "G" || suffix == "GB") return value * kGiB;
  return std::nullopt;
}

}  // namespace corun::simgpu
