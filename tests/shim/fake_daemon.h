// A daemon for tests: one thread that answers joins in the way it is told, well or badly. The test
// plays the rest of the daemon on the pages.
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/wire/join.h"

namespace corun::shim::testing {

enum class Manner {
  kWelcome,
  kHang,  ///< takes the connection and never answers
  kOtherVersion,
  kRefuse,
  kGarbage,         ///< bytes that mean nothing
  kFewDescriptors,  ///< promises pages and sends fewer
  kShortPages,      ///< pages that are shorter than a page
  kOtherPages,      ///< pages without the magic numbers
  kClose,           ///< hangs up
};

/// UUID of the tests' driver's device 0, and its folder's name.
inline constexpr char kUuid[] = "GPU-01010101-0101-0101-0101-010101010101";

class FakeDaemon {
 public:
  /// `gpus`: the UUIDs that it answers for.
  explicit FakeDaemon(Manner manner = Manner::kWelcome,
                      const std::vector<std::string>& gpus = {kUuid});
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  /// What a new session finds in its orders.
  std::atomic<uint64_t> memory_limit = 0;
  std::atomic<uint32_t> slice_us = 0;
  std::atomic<uint64_t> lease_ns = 60'000'000'000;
  std::atomic<int32_t> gate = -1;
  std::atomic<uint32_t> armed = 0;
  std::atomic<uint32_t> memory_wait_ms = 0;

  std::string run_dir() const { return folder_; }
  /// Waits for the session of this number, from 0; null if none comes.
  wire::SessionPage* session(size_t index);
  wire::GatePage* gate_page(size_t session, int gate);
  wire::JoinRequest request(size_t index);
  size_t connections() const { return connections_; }
  void set_manner(Manner manner) { manner_ = manner; }
  /// Closes all connections, as a daemon that dies.
  void hang_up();
  /// Notices that came since the last call; anything else that came counts as a thousand.
  size_t notices();
  /// Changes are seen at once.
  static void wake(wire::SessionPage& page);
  /// Sets or clears kArmedParked and wakes whoever waits for it.
  static void set_parked(wire::SessionPage& page, bool parked);
  static void answer_memory(wire::SessionPage& page, bool try_again);

 private:
  struct Session {
    wire::JoinRequest request;
    wire::SessionPage* page;
    wire::GatePage* gates[wire::kMaxGates];
  };
  void serve();
  void answer(int fd);
  void welcome(int fd, const wire::JoinRequest& request, Manner manner);

  std::string folder_;
  std::atomic<Manner> manner_;
  std::atomic<size_t> connections_{0};
  std::atomic<bool> stop_{false};
  std::vector<int> listeners_;
  std::mutex mutex_;
  std::vector<Session> sessions_;
  std::vector<int> open_;
  std::thread thread_;
};

}  // namespace corun::shim::testing
