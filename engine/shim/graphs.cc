#include "engine/shim/graphs.h"

#include <cstdlib>
#include <new>

namespace corun::shim {

Graphs::Entry** Graphs::find(GraphExecHandle exec) {
  Entry** place = &buckets_[bucket(exec)];
  while (*place != nullptr && (*place)->exec != exec) {
    place = &(*place)->next;
  }
  return place;
}

Graphs::Entry* Graphs::add(GraphExecHandle exec) {
  void* memory = malloc(sizeof(Entry));
  if (memory == nullptr) {
    return nullptr;
  }
  auto* entry = new (memory) Entry;
  entry->exec = exec;
  entry->claimed = true;
  const Held held(lock_);
  Entry*& first = buckets_[bucket(exec)];
  entry->next = first;
  first = entry;
  return entry;
}

Graphs::Entry* Graphs::claim(GraphExecHandle exec) {
  const Held held(lock_);
  Entry* entry = *find(exec);
  if (entry == nullptr || entry->claimed) {
    return nullptr;
  }
  entry->claimed = true;
  return entry;
}

void Graphs::give_back(Entry* entry) {
  const Held held(lock_);
  entry->claimed = false;
}

Graphs::Entry* Graphs::take(GraphExecHandle exec) {
  const Held held(lock_);
  Entry** place = find(exec);
  Entry* entry = *place;
  if (entry == nullptr) {
    return nullptr;
  }
  *place = entry->next;
  // Who destroys a graph that another thread is launching has lost anyway: that thread's entry
  // stays allocated.
  return entry->claimed ? nullptr : entry;
}

void Graphs::set_last(Entry& entry, Entry::Last last) {
  if ((entry.last == Entry::kUnseen) != (last == Entry::kUnseen)) {
    if (last == Entry::kUnseen) {
      seen_.fetch_sub(1, std::memory_order_relaxed);
    } else {
      seen_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  entry.last = last;
}

void Graphs::lose(const Driver& driver, Entry& entry) {
  if (entry.segmented != nullptr) {
    driver.graph_exec_destroy(entry.segmented);  // one that still runs is freed when it is done
  }
  if (entry.source != nullptr) {
    driver.graph_destroy(entry.source);
  }
  free(entry.waits.nodes);
  entry.segmented = nullptr;
  entry.source = nullptr;
  entry.waits = {};
  entry.cut = false;
  entry.unmeasured = false;
}

void Graphs::destroy(const Driver& driver, Entry* entry) {
  lose(driver, *entry);
  if (entry->behind != nullptr) {
    driver.event_destroy(entry->behind);
  }
  set_last(*entry, Entry::kUnseen);
  free(entry);
}

void Graphs::forget_context(ContextHandle context) {
  const Held held(lock_);
  for (Entry* entry : buckets_) {
    for (; entry != nullptr; entry = entry->next) {
      if (entry->context == context) {
        free(entry->waits.nodes);
        entry->waits = {};
        entry->source = nullptr;
        entry->segmented = nullptr;
        entry->behind = nullptr;
        entry->context = nullptr;
        set_last(*entry, Entry::kUnseen);
      }
    }
  }
}

void Graphs::reset() {
  lock_.reset();
  for (Entry*& first : buckets_) {
    while (first != nullptr) {
      Entry* entry = first;
      first = entry->next;
      free(entry->waits.nodes);
      free(entry);
    }
  }
  seen_.store(0, std::memory_order_relaxed);
}

}  // namespace corun::shim
