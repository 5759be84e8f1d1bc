// How a workload joins a daemon: one fixed-size packet each way over a SOCK_SEQPACKET UNIX socket,
// <run dir>/<GPU UUID>/shim.sock. The reply carries descriptors (SCM_RIGHTS): the session page,
// then the kMaxGates gate pages, in order (descriptors of gates a session may not write are
// read-only if it said it can register read-only memory). The connection stays open as long as the
// session lives; its end ends the session. Identity is what the kernel says (SO_PEERCRED), never
// the packet.
#pragma once

#include <cstdint>

#include "core/wire/session_page.h"

namespace corun::wire {

inline constexpr uint32_t kJoinMagic = 0x314e4a43;  ///< "CJN1"
inline constexpr int kJoinDescriptors = 1 + kMaxGates;
inline constexpr size_t kNameBytes = 64;

/// Environment of a workload under corun (docs/environment.md).
inline constexpr const char* kEnvRunDir = "CORUN_RUN_DIR";
inline constexpr const char* kEnvName = "CORUN_NAME";
inline constexpr const char* kEnvNameHost = "CORUN_NAME_HOST";
inline constexpr const char* kEnvClass = "CORUN_CLASS";
inline constexpr const char* kEnvWeight = "CORUN_WEIGHT";
inline constexpr const char* kEnvMemory = "CORUN_MEMORY";  // bytes
inline constexpr const char* kEnvLatencyTarget = "CORUN_LATENCY_TARGET_US";
inline constexpr const char* kEnvDisable = "CORUN_DISABLE";

// JoinRequest::flags
inline constexpr uint32_t kJoinReadOnlyGates = 1U << 0;  ///< can register read-only memory
inline constexpr uint32_t kJoinParked = 1U << 1;         ///< was parked when the last daemon ended

struct JoinRequest {
  uint32_t magic;
  uint32_t version;
  uint32_t bytes;  ///< sizeof(JoinRequest) of the sender
  uint32_t flags;
  WorkloadClass workload_class;
  uint32_t weight_milli;        ///< 1000 is weight 1; 0: default
  uint64_t memory_limit_bytes;  ///< 0: none
  uint64_t latency_target_us;   ///< p99 of a burst; 0: none
  uint64_t process_start;       ///< field 22 of /proc/self/stat
  char workload[kNameBytes];    ///< zero-terminated; sessions of one name and user share its budget
  char program[kNameBytes];     ///< argv[0]'s last part
};
static_assert(sizeof(JoinRequest) == 48 + 2 * kNameBytes);

enum class JoinStatus : uint32_t {
  kWelcome = 0,
  kVersion = 1,  ///< the daemon speaks another version
  kRefused = 2,  ///< malformed, or not this user's daemon
  kFull = 3,     ///< too many sessions
};

struct JoinReply {
  uint32_t magic;
  uint32_t version;
  JoinStatus status;
  uint32_t descriptors;  ///< how many follow: 0 or kJoinDescriptors
  uint64_t session;
};
static_assert(sizeof(JoinReply) == 24);

/// What a workload may send after it has joined: the daemon is to look at its page at once, since a
/// call waits, memory is wanted or it is ready to be parked. Nothing else is ever sent.
struct Notice {
  uint32_t magic;
};
inline constexpr uint32_t kNoticeMagic = 0x31544e43;  ///< "CNT1"
static_assert(sizeof(Notice) == 4);

}  // namespace corun::wire
