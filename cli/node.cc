#include "cli/node.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "core/environment.h"
#include "core/fd.h"
#include "core/wait.h"
#include "gpu/driver_files.h"
#include "gpu/inventory.h"

namespace corun::cli {

namespace fs = std::filesystem;

namespace {

constexpr Nanos kStartPatience = std::chrono::seconds(20);

fs::path simulated_driver_dir() { return program_dir().parent_path() / "simgpu"; }

// The last line that the server wrote: why it did not start.
std::string last_line(const fs::path& log) {
  auto text = read_file(log);
  if (!text) return "";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  size_t line = text->rfind('\n');
  return line == std::string::npos ? *text : text->substr(line + 1);
}

}  // namespace

Result<NodeChoice> parse_node_choice(std::string_view text) {
  if (text == "auto") return NodeChoice{NodeChoice::Kind::kAuto, kDefaultProfile};
  if (text == "real") return NodeChoice{NodeChoice::Kind::kReal, kDefaultProfile};
  if (text == "simulated") return NodeChoice{NodeChoice::Kind::kSimulated, kDefaultProfile};
  constexpr std::string_view kPrefix = "simulated:";
  if (text.starts_with(kPrefix) && text.size() > kPrefix.size()) {
    return NodeChoice{NodeChoice::Kind::kSimulated, std::string(text.substr(kPrefix.size()))};
  }
  return usage_error(fmt::format("--gpu '{}' is not a node", text),
                     "use auto, real, simulated or simulated:PROFILE");
}

fs::path program_dir() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

std::map<std::string, std::string> Node::tenant_prepend_env() const {
  auto driver_dir = environment(kEnvDriverDir);
  if (!simulated_ || !driver_dir) return {};
  std::map<std::string, std::string> env{{"LD_LIBRARY_PATH", *driver_dir}, {"PATH", *driver_dir}};
  const auto devices = gpu::DriverFiles::from_environment().device_library();
  if (devices) env["LD_PRELOAD"] = devices->string();
  return env;
}

Edits Node::container_edits() const {
  const auto driver_dir = environment(kEnvDriverDir);
  const auto sim_node = environment(kEnvSimNode);
  Edits edits;
  if (!simulated_ || !driver_dir || !sim_node) return edits;
  for (const auto& [name, folder] :
       {std::pair(kEnvDriverDir, *driver_dir), std::pair(kEnvSimNode, *sim_node)}) {
    const std::string path = fs::absolute(folder).lexically_normal().string();
    edits.env[name] = path;
    edits.mounts.push_back({path, path, true});
  }
  return edits;
}

void name_node(const std::string& sim_node, const std::string& driver_dir) {
  setenv(kEnvSimNode, sim_node.c_str(), 1);
  setenv(kEnvDriverDir, driver_dir.c_str(), 1);
}

void name_daemon(const std::string& run_dir) { setenv("CORUN_RUN_DIR", run_dir.c_str(), 0); }

Result<GpuInfo> Node::gpu(int device) const {
  const auto index = static_cast<size_t>(device);
  if (index < gpus_.size()) return gpus_[index];
  return usage_error(fmt::format("--device {}: this node has {} GPU{}", device, gpus_.size(),
                                 gpus_.size() == 1 ? "" : "s"),
                     "count from 0");
}

Status Node::list() {
  CORUN_ASSIGN(gpus_, gpu::list_gpus());
  if (gpus_.empty()) return unsupported("the driver shows no GPU");
  return {};
}

void use_real_driver() {
  unsetenv(kEnvSimNode);
  unsetenv(kEnvDriverDir);
}

Result<Node> Node::open_real() {
  use_real_driver();
  Node node;
  CORUN_TRY(node.list());
  return node;
}

Result<Node> Node::join_simulated() {
  if (!environment(kEnvDriverDir)) {
    setenv(kEnvDriverDir, simulated_driver_dir().c_str(), 1);
  }
  Node node;
  node.simulated_ = true;
  CORUN_TRY(node.list());
  return node;
}

Result<Node> Node::start_simulated(const std::string& profile) {
  fs::path server = simulated_driver_dir() / "corun-simgpud";
  std::error_code error;
  if (!fs::exists(server, error)) {
    return unsupported(
        fmt::format("no simulated GPU in this installation ({} is missing)", server.string()),
        "build everything, or use --gpu real");
  }
  Node node;
  node.simulated_ = true;
  CORUN_ASSIGN(TemporaryFolder folder, TemporaryFolder::create("corun-node-"));
  node.folder_ = std::make_unique<TemporaryFolder>(std::move(folder));
  fs::path log = node.folder_->path() / "server.log";
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed("cannot make a pipe");
  Fd ready(ends[0]);
  Fd theirs(ends[1]);
  ProcessOptions options;
  options.argv = {server.string(), "--node",     node.folder_->path().string(), "--profile",
                  profile,         "--ready-fd", std::to_string(theirs.get())};
  options.out = Stream::file(log);
  options.err = Stream::file(log);
  options.inherit_fds = {theirs.get()};
  CORUN_ASSIGN(Process process, Process::start(options));
  theirs.reset();
  int fd = ready.get();
  char byte = 0;
  bool said =
      wait_readable({&fd, 1}, monotonic_now() + kStartPatience)[0] && read(fd, &byte, 1) == 1;
  if (!said) {
    return failed(fmt::format("the simulated GPU does not start: {}", last_line(log)));
  }
  node.server_ = std::make_unique<Process>(std::move(process));
  name_node(node.folder_->path().string(), simulated_driver_dir().string());
  CORUN_TRY(node.list());
  return node;
}

Result<Node> Node::open(const NodeChoice& choice) {
  bool named = environment(kEnvSimNode).has_value();
  switch (choice.kind) {
    case NodeChoice::Kind::kReal: {
      auto node = open_real();
      if (node) return node;
      return unsupported(fmt::format("no real GPU: {}", node.error().what),
                         "see 'corun doctor', or use --gpu simulated");
    }
    case NodeChoice::Kind::kSimulated:
      return named ? join_simulated() : start_simulated(choice.profile);
    case NodeChoice::Kind::kAuto:
      break;
  }
  if (named) return join_simulated();
  auto real = open_real();
  return real ? std::move(real) : start_simulated(choice.profile);
}

}  // namespace corun::cli
