// The packet with which a workload joins (core/wire/join.h), before anything believes it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/model/workload.h"
#include "core/result.h"
#include "core/wire/join.h"
#include "engine/policy/policy.h"

namespace corun::daemon {

/// Who is at the other end of a connection, as the kernel says.
struct Peer {
  uid_t user = 0;
  pid_t pid = 0;  ///< 0: in a PID namespace that this process does not see
  /// Of a control connection: in a PID namespace below this process's, that of a container.
  bool contained = false;
};

/// What a workload asks for.
struct JoinAsk {
  std::string program;
  bool read_only_gates = false;
  bool parked = false;  ///< by a daemon that is gone
  uint64_t process_start = 0;
  policy::Workload workload;  ///< `user` is filled in by the daemon
};

/// The answer to a packet: what it asks for, or why not.
struct ParsedJoin {
  wire::JoinStatus status = wire::JoinStatus::kRefused;
  std::string why;  ///< if it is not kWelcome
  JoinAsk ask;
};

/// Names that workloads may have: 1 to 63 printable ASCII characters without space, '/' and '"'.
bool is_workload_name(std::string_view name);

/// Whether a packet after the join is the notice that may come then.
bool is_notice(std::span<const std::byte> packet);

/// Reads a packet of any content and length. Of another version: kVersion; anything else that is
/// not a request: kRefused.
ParsedJoin parse_join(std::span<const std::byte> packet);

}  // namespace corun::daemon
