// Launches of graphs: which of a graph's two executables runs, and keeping the second one true to
// the first (graphs.h).
#include "engine/shim/log.h"
#include "engine/shim/machine.h"
#include "engine/shim/thread_state.h"

namespace corun::shim {

namespace {

using Entry = Graphs::Entry;

uint32_t launches_of(const Estimates& estimates, GraphExecHandle exec) {
  const Estimates::Entry* known = estimates.lookup(Estimates::key(exec));
  return known == nullptr ? 0 : known->launches.load(std::memory_order_relaxed);
}

}  // namespace

void Machine::on_graph_made(GraphExecHandle exec, GraphHandle graph, unsigned long long flags) {
  estimates_.renew(Estimates::key(exec));
  DeviceState* device = current();
  if (device == nullptr || !can_cut(*driver_)) {
    return;
  }
  const Pages* pages = device->pages.load(std::memory_order_acquire);
  // Nobody waits without a session, or in one that others wait for. Executables that the device
  // launches are not ours to choose.
  if (pages == &device->neutral || has_bursts(*pages) || (flags & cuda::kGraphDeviceLaunch) != 0) {
    return;
  }
  const RelaxedCapture relaxed(*driver_);
  GraphHandle source = nullptr;
  if (driver_->graph_clone(&source, graph) != Code::kSuccess) {
    return;  // memory nodes, conditions: gated whole
  }
  Entry* entry = graphs_.add(exec);
  if (entry == nullptr) {
    driver_->graph_destroy(source);
    return;
  }
  entry->source = source;
  entry->flags = flags & cuda::kGraphNodePriority;
  graphs_.give_back(entry);
}

void Machine::on_graph_updated(GraphExecHandle exec, GraphHandle graph) {
  Entry* entry = started() ? graphs_.claim(exec) : nullptr;
  if (entry == nullptr) {
    return;
  }
  const RelaxedCapture relaxed(*driver_);
  Graphs::lose(*driver_, *entry);
  // Changes that are not followed may outlast updates.
  entry->lost = entry->lost || graph == nullptr;
  const uint32_t launches = launches_of(estimates_, exec);
  // A graph that is updated for nearly each launch would pay a clone and an executable for each.
  if (!entry->lost && launches - entry->updated_at >= kLaunchesPerClone &&
      driver_->graph_clone(&entry->source, graph) != Code::kSuccess) {
    entry->source = nullptr;
  }
  entry->updated_at = launches;
  graphs_.give_back(entry);
}

Entry* Machine::before_node_change(GraphExecHandle exec, GraphNodeHandle node,
                                   GraphNodeHandle* in_clone) {
  Entry* entry = started() ? graphs_.claim(exec) : nullptr;
  if (entry != nullptr && entry->source == nullptr) {
    graphs_.give_back(entry);
    return nullptr;
  }
  if (entry != nullptr &&
      (driver_->graph_find_in_clone == nullptr ||
       driver_->graph_find_in_clone(in_clone, node, entry->source) != Code::kSuccess)) {
    after_node_change(entry, false);
    return nullptr;
  }
  return entry;
}

void Machine::after_node_change(Entry* entry, bool mirrored) {
  if (!mirrored) {
    Graphs::lose(*driver_, *entry);
  }
  graphs_.give_back(entry);
}

void Machine::on_graph_gone(Entry* entry) {
  if (entry != nullptr) {
    const RelaxedCapture relaxed(*driver_);
    graphs_.destroy(*driver_, entry);
  }
}

bool Machine::make_segments(Entry& entry, const Estimates::Entry* known, Pages& pages,
                            uint32_t mask) {
  const uint32_t measured_ns = known == nullptr ? 0 : known->ns.load(std::memory_order_relaxed);
  if (entry.unmeasured && measured_ns == 0) {
    return false;
  }
  cuda::BatchMemoryOp waits[kWords] = {};
  const cuda::BatchMemoryOpNodeParams operations = {.context = entry.context,
                                                    .count = wait_operations(pages, mask, waits),
                                                    .operations = waits,
                                                    .flags = 0};
  bool made = operations.count > 0;
  if (!entry.cut) {
    const uint64_t every_ns =
        uint64_t{pages.session->hot.wait_every_us.load(std::memory_order_relaxed)} * 1000;
    const Cut cut = cut_graph(*driver_, estimates_, entry.source, measured_ns, every_ns, operations,
                              &entry.waits);
    entry.unmeasured = cut == Cut::kUnmeasured;
    if (entry.unmeasured) {
      return false;
    }
    made = made && cut == Cut::kDone;
    entry.cut = made;
  }
  // Nodes that were just made have these operations already.
  for (uint32_t i = 0; made && entry.segmented != nullptr && i < entry.waits.count; ++i) {
    made = driver_->graph_set_wait(entry.waits.nodes[i], &operations) == Code::kSuccess;
  }
  GraphExecHandle fresh = nullptr;
  made = made && driver_->graph_instantiate(&fresh, entry.source, entry.flags) == Code::kSuccess;
  if (!made) {
    Graphs::lose(*driver_, entry);
    return false;
  }
  if (entry.segmented != nullptr) {
    driver_->graph_exec_destroy(entry.segmented);
  }
  entry.segmented = fresh;
  entry.pages = &pages;
  entry.registrations = pages.registrations;
  entry.mask = mask;
  log_debug("graph %p waits at %u places", static_cast<void*>(entry.exec), entry.waits.count);
  return true;
}

bool Machine::segments_ready(Entry& entry, const Estimates::Entry* known, Pages& pages,
                             uint32_t mask) {
  if (entry.behind == nullptr) {
    const ContextHandle context = current_context();
    if (driver_->event_create(&entry.behind, cuda::kEventDisableTiming) != Code::kSuccess) {
      entry.behind = nullptr;
      return false;
    }
    entry.context = context;
  }
  if (entry.source == nullptr) {
    return false;
  }
  // What ran unseen was not marked: this launch, of the same executable, comes behind all that,
  // and is.
  const bool first = known != nullptr && known->launches.load(std::memory_order_relaxed) == 0;
  if ((entry.last == Entry::kUnseen && !first) || entry.context != current_context()) {
    return false;
  }
  return (entry.segmented != nullptr && entry.pages == &pages &&
          entry.registrations == pages.registrations && entry.mask == mask) ||
         make_segments(entry, known, pages, mask);
}

void Machine::before_graph(GraphLaunch& launch) {
  DeviceState* device = current();
  if (device != nullptr) {
    Pages& pages = *device->pages.load(std::memory_order_acquire);
    const uint32_t armed = pages.session->hot.armed.load(std::memory_order_relaxed);
    const bool captures = any_capture();
    if ((armed != 0 || graphs_.any_seen()) && !(captures && capturing(launch.stream))) {
      // Beside a capture of its own a thread waits for nothing.
      const bool waits = armed != 0 && !(captures && thread_state.capturing > 0);
      choose_graph(launch, pages, waits ? gates_to_wait_for(pages, armed) : 0);
    }
  }
  before(launch);
}

void Machine::choose_graph(GraphLaunch& launch, Pages& pages, uint32_t mask) {
  Entry* entry = graphs_.claim(launch.exec);
  if (entry == nullptr) {
    return;
  }
  const RelaxedCapture relaxed(*driver_);
  Estimates::Entry* known = estimates_.find(launch.key);
  const GraphExecHandle before = entry->segmented;
  const bool segmented = mask != 0 && segments_ready(*entry, known, pages, mask);
  if (entry->unmeasured && samples_.any_pending()) {
    samples_.harvest(*driver_);
  }
  const Entry::Last last = segmented ? Entry::kSegmented : Entry::kOwn;
  if (entry->last != Entry::kUnseen && (entry->last != last || entry->segmented != before)) {
    driver_->stream_wait_event(launch.stream, entry->behind, 0);
  }
  if (mask == 0 || entry->behind == nullptr) {
    graphs_.set_last(*entry, Entry::kUnseen);
    graphs_.give_back(entry);
    return;
  }
  graphs_.set_last(*entry, last);
  launch.graph_entry = entry;
  if (segmented) {
    launch.exec = entry->segmented;
    launch.key = 0;  // not measured: that would be the waits too
    launch.estimate_ns = known == nullptr ? kUnknownNs : known->estimate_ns();
    if (known != nullptr) {
      known->count_launch();
    }
    pages.session->counters.gate_waits.fetch_add(
        uint64_t{entry->waits.count} * static_cast<uint64_t>(__builtin_popcount(mask)),
        std::memory_order_relaxed);
  }
}

void Machine::on_segments_refused(GraphLaunch& launch) {
  Entry& entry = *launch.graph_entry;
  log_debug("graph %p: its segments were refused", static_cast<void*>(entry.exec));
  const RelaxedCapture relaxed(*driver_);
  driver_->stream_wait_event(launch.stream, entry.behind, 0);
  Graphs::lose(*driver_, entry);
  graphs_.set_last(entry, Entry::kOwn);
  launch.exec = entry.exec;
}

void Machine::mark_graph(GraphLaunch& launch, Code code) {
  Entry& entry = *launch.graph_entry;
  const RelaxedCapture relaxed(*driver_);
  if (code == Code::kSuccess &&
      driver_->event_record(entry.behind, launch.stream) != Code::kSuccess) {
    // A stream of another context: what cannot be marked is waited for, and not done again.
    driver_->stream_synchronize(launch.stream);
    Graphs::lose(*driver_, entry);
  }
  graphs_.give_back(&entry);
}

}  // namespace corun::shim
