// `corun serve` as one object: what is collected (or played), kept, counted, recorded and served.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "monitoring/collector.h"

namespace corun::monitoring {

struct ServeOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 9797;  ///< 0: any free one
  double hz = 10;
  std::string version;
  std::filesystem::path history;                 ///< empty: in memory
  std::optional<std::filesystem::path> results;  ///< folders of reports
  std::optional<std::filesystem::path> record;
  std::optional<std::filesystem::path> replay;
  std::optional<std::string> token;
  std::vector<std::string> host_names;
  std::vector<std::filesystem::path> engine_sockets;  ///< besides those in the usual places
  bool dcgm_aliases = true;
  DaemonFinder find_daemon = find_daemon_folder;
};

/// "127.0.0.1:9797", "[::1]:9797", "9797", ":9797". Errors (usage): no address or no port.
Status parse_listen(const std::string& text, ServeOptions* options);
/// The first line of the file, which only its owner may read. Errors (usage): others may, or it is
/// shorter than 16 characters; (failed): it cannot be read.
Result<std::string> read_token(const std::filesystem::path& file);

class Serving {
 public:
  /// A node with these GPUs, or with options.replay a recording (`nvml` is null then). Errors: as
  /// the parts have them.
  static Result<std::unique_ptr<Serving>> start(const ServeOptions& options,
                                                const std::shared_ptr<const gpu::Nvml>& nvml,
                                                const std::vector<GpuInfo>& gpus);
  /// Ends streams, lets answers go out, writes what has gathered.
  ~Serving();
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  uint16_t port() const;

 private:
  struct Parts;
  explicit Serving(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Tells systemd (NOTIFY_SOCKET) `state`: "READY=1", "STOPPING=1". Does nothing without one.
void notify_systemd(const std::string& state);

}  // namespace corun::monitoring
