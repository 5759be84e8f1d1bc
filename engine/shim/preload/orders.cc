#include "engine/shim/preload/orders.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "engine/shim/log.h"
#include "engine/shim/preload/join.h"
#include "engine/shim/preload/keeper.h"
#include "engine/shim/preload/process.h"
#include "engine/shim/preload/waiting.h"

namespace corun::shim {

namespace {

bool control(const ChannelGroup& group, uint32_t command, void* parameters, uint32_t bytes) {
  FileIdentity file;
  if (!identify(group.fd, &file) || !(file == group.file)) {
    machine.groups().forget(group);  // its descriptor was closed, and the group with it
    return false;
  }
  rm::Control arguments;
  arguments.client = group.client;
  arguments.object = group.object;
  arguments.command = command;
  arguments.parameters = reinterpret_cast<uint64_t>(parameters);
  arguments.parameters_size = bytes;
  const int result =
      next_ioctl()(group.fd, rm::request(rm::kControlNumber, sizeof arguments), &arguments);
  return result == 0 && arguments.status == 0;
}

/// Gives all groups of the device the slice `wanted_us`; 0 leaves them. Returns when the next group
/// is due, or UINT64_MAX.
uint64_t set_slices(DeviceState& device, uint32_t wanted_us, uint64_t now_ns) {
  ChannelGroup groups[kMaxChannelGroups];
  const int count =
      machine.groups().list(device.ordinal, machine.device_count() == 1, groups, kMaxChannelGroups);
  wire::Counters& counters = device.pages.load(std::memory_order_acquire)->session->counters;
  counters.channel_groups.store(static_cast<uint32_t>(count), std::memory_order_relaxed);
  uint64_t next = UINT64_MAX;
  bool all = count > 0 && wanted_us != 0;
  for (int i = 0; i < count; ++i) {
    const uint64_t due = slice_due_ns(groups[i], wanted_us);
    if (due != 0 && due <= now_ns) {
      uint64_t slice_us = wanted_us;
      const bool accepted = control(groups[i], rm::kSetTimeslice, &slice_us, sizeof slice_us);
      machine.groups().slice_was_set(groups[i], wanted_us, accepted);
      counters.slice_sets.fetch_add(1, std::memory_order_relaxed);
      if (!accepted) {
        counters.slice_errors.fetch_add(1, std::memory_order_relaxed);
        all = false;
        next = std::min(next, now_ns + kSliceSettleNs);
      }
    } else if (wanted_us != 0 && groups[i].slice_us != wanted_us) {
      all = false;  // not scheduled yet, or not for long enough
      next = due != 0 ? std::min(next, due) : next;
    }
  }
  if (all) {
    counters.slice_us.store(wanted_us, std::memory_order_relaxed);
  }
  return next;
}

/// Groups that ever got a slice go back to the default.
uint64_t restore_slices(DeviceState& device, uint64_t now_ns) {
  ChannelGroup groups[kMaxChannelGroups];
  const int count =
      machine.groups().list(device.ordinal, machine.device_count() == 1, groups, kMaxChannelGroups);
  const bool changed = std::any_of(groups, groups + count, [](const ChannelGroup& group) {
    return group.slice_us != 0 && group.slice_us != wire::kDefaultSliceUs;
  });
  return changed ? set_slices(device, wire::kDefaultSliceUs, now_ns) : UINT64_MAX;
}

void preempt(DeviceState& device) {
  ChannelGroup groups[kMaxChannelGroups];
  const int count =
      machine.groups().list(device.ordinal, machine.device_count() == 1, groups, kMaxChannelGroups);
  for (int i = 0; i < count; ++i) {
    rm::PreemptParameters parameters = {};
    parameters.wait = kPreemptWaits ? 1 : 0;
    if (control(groups[i], rm::kPreempt, &parameters, sizeof parameters)) {
      device.joined->session->counters.preemptions.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

bool lease_holds(const DeviceState& device, uint64_t now_ns) {
  const wire::Orders& orders = device.joined->session->orders;
  if (orders.leave.load(std::memory_order_relaxed) != 0) {
    return false;
  }
  const uint64_t until = orders.lease_until_ns.load(std::memory_order_acquire);
  return until == 0 ? now_ns < device.joined_ns + kFirstLeaseNs : now_ns < until;
}

/// The orders are void: the workload runs as if corun were absent. One that is parked stays held
/// until the driver says that it is on the GPU again (back_on_gpu()).
void go_neutral(DeviceState& device) {
  device.live = false;
  const bool parked =
      (device.joined->session->hot.armed.load(std::memory_order_acquire) & wire::kArmedParked) != 0;
  device.neutral_page.hot.armed.store(parked ? wire::kArmedParked : 0, std::memory_order_seq_cst);
  machine.show(device, nullptr);
  device.burst.abandon(now_ns());
  device.joined->session->turn.word.store(wire::kOpen, std::memory_order_seq_cst);
  log_debug("orders of %s are void", device.uuid);
}

void end_session(DeviceState& device) {
  if (device.live) {
    go_neutral(device);
  }
  disconnect(device);
  device.joined = nullptr;  // its pages stay mapped: see pages.h
  device.retry_ns = 0;
}

/// When to join again as the daemon asks for: at once, but a daemon that asks again and again is
/// not obeyed any faster than one that is gone.
uint64_t join_again(DeviceState& device, uint64_t now_ns) {
  const uint64_t earliest = device.again_ns == 0 ? 0 : device.again_ns + kJoinRetryNs;
  device.again_ns = std::max(now_ns, earliest);
  return device.again_ns;
}

/// Of a process that a daemon left parked, with nobody's orders: lets its calls go on once the
/// driver says that it runs. Returns when to look again, or UINT64_MAX.
uint64_t look_at_own_state(DeviceState& device, uint64_t now_ns) {
  std::atomic<uint32_t>& armed = device.neutral_page.hot.armed;
  if (device.live || (armed.load(std::memory_order_relaxed) & wire::kArmedParked) == 0) {
    return UINT64_MAX;
  }
  auto state = cuda::ProcessState::kRunning;
  const auto ask = machine.driver().process_state;
  if (ask != nullptr && ask(getpid(), &state) == Code::kSuccess &&
      state != cuda::ProcessState::kRunning) {
    return now_ns + kOwnStateNs;
  }
  armed.store(0, std::memory_order_seq_cst);
  wake_held(armed);
  return UINT64_MAX;
}

/// The application's threads may be inside of the driver as the present state of parking wants it.
void tell_ready(wire::SessionPage& page) {
  const uint32_t sequence = page.orders.park_sequence.load(std::memory_order_seq_cst);
  const bool parked = (page.hot.armed.load(std::memory_order_seq_cst) & wire::kArmedParked) != 0;
  if (parked && !machine.looking()) {
    page.waits.park_ready.store(sequence, std::memory_order_release);
  }
}

/// Lets the daemon look at the page where something in it waits for its answer. Returns when to try
/// again, or UINT64_MAX.
uint64_t tell_news(DeviceState& device, uint64_t now_ns) {
  const wire::Waits& waits = device.joined->session->waits;
  const uint64_t news = waits.held_calls.load(std::memory_order_seq_cst) +
                        waits.memory_asks.load(std::memory_order_acquire) +
                        waits.park_ready.load(std::memory_order_relaxed);
  if (news == device.news_told) {
    return UINT64_MAX;
  }
  if (!send_notice(device)) {
    return now_ns + kNoticeRetryNs;
  }
  device.news_told = news;
  return UINT64_MAX;
}

/// Flags that hold for the whole process, and whether a thread waits for the GPU: seen at two looks
/// in a row, which are a heartbeat apart while the application is quiet.
void publish_flags(DeviceState& device, wire::Counters& counters) {
  uint32_t flags = machine.traits();
  flags |= machine.device_count() > 1 ? wire::kFlagManyDevices : 0;
  const bool waits = machine.looking();
  flags |= waits && device.waited ? wire::kFlagWaiting : 0;
  flags |= machine.follows(*device.joined) ? wire::kFlagFollowed : 0;
  device.waited = waits;
  if ((flags & wire::kFlagWaiting) == 0) {
    counters.flags.fetch_and(~wire::kFlagWaiting, std::memory_order_relaxed);
  }
  counters.flags.fetch_or(flags, std::memory_order_relaxed);
}

/// Launches carry no time of their own (a clock would cost as much as all the rest): what came
/// since the last look came now.
void note_launches(DeviceState& device, uint64_t now_ns) {
  wire::Counters& counters = device.joined->session->counters;
  const uint64_t work = counters.launches.load(std::memory_order_relaxed) +
                        counters.graph_launches.load(std::memory_order_relaxed) +
                        counters.copies.load(std::memory_order_relaxed);
  if (work != device.work_seen) {
    device.work_seen = work;
    counters.last_launch_ns.store(now_ns, std::memory_order_relaxed);
  }
}

/// Prepares and launches the kernel that holds the GPU, where it is wanted. Under the lock: neither
/// its context nor the driver goes away meanwhile.
void hold_gpu(DeviceState& device, wire::Counters& counters, uint64_t now_ns) {
  Hold& hold = device.burst.hold();
  const bool wanted = hold.wanted() || device.burst.hold_due_ns() != 0;
  if (wanted && device.watch_lock.try_acquire()) {
    if (hold.wanted() && !machine.retired() && !machine.any_capture()) {
      hold.prepare(machine.driver());
    }
    if (device.burst.hold_if_due(machine.driver(), now_ns)) {
      counters.holds.fetch_add(1, std::memory_order_relaxed);
    }
    device.watch_lock.release();
  }
  if (hold.state() == Hold::kImpossible) {
    counters.flags.fetch_or(wire::kFlagCannotHold, std::memory_order_relaxed);
  }
}

}  // namespace

uint64_t serve(DeviceState& device, uint64_t now_ns) {
  uint64_t next = now_ns + kHeartbeatNs;
  if (device.joined != nullptr && !still_connected(device)) {
    log_debug("the daemon of %s is gone", device.uuid);
    end_session(device);
  }
  if (device.joined == nullptr) {
    if (device.uuid[0] != '\0' && now_ns >= device.retry_ns) {
      join(machine, device);
    }
    if (device.joined == nullptr) {
      next = std::min(next, look_at_own_state(device, now_ns));
      return std::min(next, restore_slices(device, now_ns));
    }
  }
  wire::SessionPage& page = *device.joined->session;
  // Read before the orders: a change that comes meanwhile ends the sleep at once.
  device.sequence_seen = page.orders.sequence.load(std::memory_order_acquire);
  page.counters.heartbeat_ns.store(now_ns, std::memory_order_relaxed);
  page.counters.longest_kernel_us.store((machine.longest_kernel_ns() + 999) / 1000,
                                        std::memory_order_relaxed);
  const bool holds = lease_holds(device, now_ns);
  if (!holds && device.live) {
    go_neutral(device);
  } else if (holds && !device.live) {
    device.live = true;
    machine.show(device, device.joined);
  }
  if (!holds) {
    const uint32_t leave = page.orders.leave.load(std::memory_order_relaxed);
    if (leave != 0) {
      end_session(device);
      device.retry_ns =
          leave == wire::kJoinAgain ? join_again(device, now_ns) : now_ns + kJoinRetryNs;
      next = std::min(next, std::max(device.retry_ns, now_ns));
    }
    next = std::min(next, look_at_own_state(device, now_ns));
    return std::min(next, restore_slices(device, now_ns));
  }
  publish_flags(device, page.counters);
  tell_ready(page);
  next = std::min(next, tell_news(device, now_ns));
  const bool parked = machine.parked(device);
  if (!parked) {  // the groups of a parked process are gone, and come back as others
    const uint32_t slice_us = page.orders.slice_us.load(std::memory_order_relaxed);
    next = std::min(next, set_slices(device, slice_us, now_ns));
  }
  const uint32_t preempts = page.orders.preempt_sequence.load(std::memory_order_relaxed);
  if (preempts != device.preempt_seen && !parked) {
    device.preempt_seen = preempts;
    preempt(device);
  }
  page.counters.orders_seen.store(device.sequence_seen, std::memory_order_relaxed);
  // Where a lease ends before the next heartbeat, its end is not slept over.
  const uint64_t lease = page.orders.lease_until_ns.load(std::memory_order_relaxed);
  if (lease > now_ns) {
    next = std::min(next, lease);
  }
  if (!parked) {
    hold_gpu(device, page.counters, now_ns);
  }
  note_launches(device, now_ns);
  device.burst.tick(device.streams, now_ns);
  const uint64_t hold = device.burst.hold_due_ns();
  // What is due already could not be done: its context is going.
  next = hold == 0 ? next : std::min(next, std::max(hold, now_ns + kSpinNs));
  const uint64_t look = machine.watch(device, now_ns);
  return look == 0 ? next : std::min(next, look);
}

}  // namespace corun::shim
