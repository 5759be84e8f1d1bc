// A device with tenants that behave like the probes behind the calibration figures.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "simgpu/engine/device.h"

namespace corun::simgpu {

inline Profile h100() {
  auto profile = read_profile(CORUN_SOURCE_DIR "/simgpu/profiles/h100.json");
  CORUN_CHECK(profile.has_value(), profile.error().text());
  return *profile;
}

inline Instant at_s(double seconds) { return Instant{} + from_seconds(seconds); }
inline Instant at_us(double us) { return Instant{} + from_micros(us); }

/// A kernel that fills an H100 once and keeps it for `us`.
inline KernelWork full_kernel(double us) {
  return {.blocks = 132 * 8, .blocks_per_sm = 8, .block_time = from_micros(us)};
}

/// One context with one stream, in a group of its own or in a given one.
struct Lane {
  ClientId client;
  GroupId group;
  ContextId context;
  StreamId stream;
};

inline Lane add_lane(Device& device, Instant now = {}, GroupId group = {},
                     ContextOptions options = {}) {
  Lane lane;
  lane.client = device.add_client(now);
  lane.group = group ? group : device.add_group(now);
  lane.context = *device.add_context(lane.client, lane.group, options, now);
  lane.stream = device.add_stream(lane.context, 0, now);
  return lane;
}

/// Keeps `depth` copies of one operation in a stream, and counts those that are done.
struct Saturating {
  StreamId stream;
  Work work;
  int depth = 64;
  uint64_t done = 0;
  std::optional<WordWaitWork> gate = {};  ///< waited for before each operation

  void start(Device& device, Instant now) const {
    for (int i = 0; i < depth; ++i) submit_one(device, now);
  }
  void submit_one(Device& device, Instant now) const {
    if (gate) device.submit(stream, *gate, kGateTag, now);
    device.submit(stream, work, 0, now);
  }
  static constexpr uint64_t kGateTag = 1;
};

/// Open-loop requests, one at a time, as the probe serves them: wait for the arrival, submit, wait
/// for the end. Latency is from the scheduled arrival to the end.
struct Requests {
  StreamId stream;
  Work work;
  std::vector<Instant> arrivals;
  size_t next = 0;
  bool waiting = false;  // a request is on the device
  std::vector<double> latency_us = {};
  Nanos host_gap{0};  ///< from the end of a request to the submission of one that waited
  Instant free_at = {};
  std::function<void(Instant)> before = {};  ///< called before each submission
  std::optional<Work> behind = {};           ///< submitted behind each request

  std::optional<Instant> due() const {
    if (waiting || next == arrivals.size()) return std::nullopt;
    return std::max(arrivals[next], free_at);
  }
};

inline std::vector<Instant> poisson(double per_s, Instant from, double seconds, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> gap(per_s);
  std::vector<Instant> arrivals;
  for (double t = gap(random); t <= seconds; t += gap(random)) {
    arrivals.push_back(from + from_seconds(t));
  }
  return arrivals;
}

/// Drives the device with its tenants until `end`.
inline void drive(Device& device, std::vector<Saturating>& saturating, Requests* requests,
                  Instant end) {
  std::vector<Completion> done;
  Instant now;
  for (Saturating& tenant : saturating) tenant.start(device, now);
  for (;;) {
    Instant next = device.next_event().value_or(end);
    if (requests != nullptr && requests->due()) {
      next = std::min(next, std::max(now, *requests->due()));
    }
    if (next > end) break;
    now = next;
    done.clear();
    device.advance(now, done);
    for (const Completion& completion : done) {
      for (Saturating& tenant : saturating) {
        if (tenant.stream != completion.op.stream()) continue;
        if (tenant.gate && completion.tag == Saturating::kGateTag) continue;
        ++tenant.done;
        tenant.submit_one(device, completion.at);
      }
      if (requests != nullptr && completion.op.stream() == requests->stream) {
        if (requests->behind && completion.tag != Saturating::kGateTag) continue;
        requests->free_at = completion.at + requests->host_gap;
        const Instant arrival = requests->arrivals[requests->next++];
        requests->latency_us.push_back(to_micros(completion.at - arrival));
        requests->waiting = false;
      }
    }
    if (requests != nullptr && requests->due() && *requests->due() <= now) {
      if (requests->before) requests->before(now);
      device.submit(requests->stream, requests->work, 0, now);
      if (requests->behind) {
        device.submit(requests->stream, *requests->behind, Saturating::kGateTag, now);
      }
      requests->waiting = true;
    }
    if (now >= end) break;
  }
}

inline double quantile(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  return values[std::min(values.size() - 1, static_cast<size_t>(n * p))];
}

}  // namespace corun::simgpu
