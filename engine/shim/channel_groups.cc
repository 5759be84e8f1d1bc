#include "engine/shim/channel_groups.h"

#include <sys/ioctl.h>

#include <cstring>

namespace corun::shim {

namespace {

template <class Arguments>
Arguments copy_of(const void* memory) {
  Arguments arguments;
  memcpy(&arguments, memory, sizeof arguments);
  return arguments;
}

/// A context makes one group for kernels and some for copies (engines 1 and 11 to 13, measured,
/// results/h200/engine-probes). Only the former is time-sliced against other workloads' kernels.
bool for_kernels(uint64_t parameters) {
  if (parameters == 0) {
    return true;  // not said: rather one control too many
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  const auto group = copy_of<rm::ChannelGroupParameters>(reinterpret_cast<const void*>(parameters));
  return group.engine <= rm::kLastComputeEngine;
}

}  // namespace

bool ChannelGroups::of_interest(unsigned long request) {
  if (_IOC_TYPE(request) != rm::kIoctlType) {
    return false;
  }
  const unsigned number = _IOC_NR(request);
  return number == rm::kFreeNumber || number == rm::kControlNumber || number == rm::kAllocNumber ||
         number == rm::kWrappedNumber;
}

bool ChannelGroups::on_ioctl(int fd, const FileIdentity& file, unsigned long request,
                             const void* arguments, int device, uint64_t now_ns) {
  unsigned number = _IOC_NR(request);
  size_t bytes = _IOC_SIZE(request);
  if (number == rm::kWrappedNumber) {
    if (bytes < sizeof(rm::Wrapped)) {
      return false;
    }
    const auto wrapped = copy_of<rm::Wrapped>(arguments);
    number = wrapped.number;
    bytes = wrapped.size;
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    arguments = reinterpret_cast<const void*>(wrapped.argument);
  }
  if (arguments == nullptr) {
    return false;
  }
  if (number == rm::kAllocNumber && bytes >= sizeof(rm::AllocShort)) {
    const auto head = copy_of<rm::AllocShort>(arguments);
    const bool with_rights = bytes >= sizeof(rm::Alloc);
    if (head.object_class != rm::kChannelGroupClass ||
        (with_rights ? copy_of<rm::Alloc>(arguments).status : head.status) != 0 ||
        !for_kernels(head.parameters)) {
      return false;
    }
    allocated(fd, file, head.root, head.parent, head.object, device);
    return true;
  }
  if (number == rm::kControlNumber && bytes >= sizeof(rm::Control)) {
    const auto control = copy_of<rm::Control>(arguments);
    return control.command == rm::kSchedule && control.status == 0 &&
           scheduled(control.client, control.object, now_ns);
  }
  if (number == rm::kFreeNumber && bytes >= sizeof(rm::Free)) {
    const auto gone = copy_of<rm::Free>(arguments);
    return gone.status == 0 && freed(gone.root, gone.object);
  }
  return false;
}

void ChannelGroups::allocated(int fd, const FileIdentity& file, uint32_t client, uint32_t parent,
                              uint32_t object, int device) {
  const Held held(lock_);
  ChannelGroup* place = find(client, object);
  for (int i = 0; place == nullptr && i < kMaxChannelGroups; ++i) {
    place = groups_[i].used ? nullptr : &groups_[i];
  }
  if (place == nullptr) {
    return;  // more groups than any program makes: those keep the default slice
  }
  if (!place->used) {
    count_.fetch_add(1, std::memory_order_relaxed);
  }
  *place = {};
  place->used = true;
  place->fd = fd;
  place->file = file;
  place->client = client;
  place->parent = parent;
  place->object = object;
  place->device = device;
}

bool ChannelGroups::scheduled(uint32_t client, uint32_t object, uint64_t now_ns) {
  const Held held(lock_);
  ChannelGroup* group = find(client, object);
  if (group == nullptr || group->scheduled_ns != 0) {
    return false;
  }
  group->scheduled_ns = now_ns;
  return true;
}

bool ChannelGroups::freed(uint32_t client, uint32_t object) {
  if (count() == 0) {
    return false;
  }
  const Held held(lock_);
  bool any = false;
  for (ChannelGroup& group : groups_) {
    if (group.used && group.client == client &&
        (object == group.object || object == group.parent || object == client)) {
      drop(group);
      any = true;
    }
  }
  return any;
}

int ChannelGroups::list(int device, bool any, ChannelGroup* groups, int capacity) {
  if (count() == 0) {
    return 0;
  }
  const Held held(lock_);
  int found = 0;
  for (const ChannelGroup& group : groups_) {
    const bool wanted = group.used && (group.device == device || (any && group.device < 0));
    if (wanted && found < capacity) {
      groups[found++] = group;
    }
  }
  return found;
}

void ChannelGroups::slice_was_set(const ChannelGroup& group, uint32_t slice_us, bool accepted) {
  const Held held(lock_);
  ChannelGroup* known = find(group.client, group.object);
  if (known == nullptr) {
    return;
  }
  known->tries = accepted ? 0 : known->tries + 1;
  if (accepted) {
    known->slice_us = slice_us;
    known->refused_us = 0;
  } else if (known->tries >= kSliceTries) {
    known->refused_us = slice_us;
    known->tries = 0;
  }
}

void ChannelGroups::forget(const ChannelGroup& group) {
  const Held held(lock_);
  if (ChannelGroup* known = find(group.client, group.object)) {
    drop(*known);
  }
}

void ChannelGroups::reset() {
  lock_.reset();
  for (ChannelGroup& group : groups_) {
    group = {};
  }
  count_.store(0, std::memory_order_relaxed);
}

ChannelGroup* ChannelGroups::find(uint32_t client, uint32_t object) {
  for (ChannelGroup& group : groups_) {
    if (group.used && group.client == client && group.object == object) {
      return &group;
    }
  }
  return nullptr;
}

void ChannelGroups::drop(ChannelGroup& group) {
  group = {};
  count_.fetch_sub(1, std::memory_order_relaxed);
}

uint64_t slice_due_ns(const ChannelGroup& group, uint32_t wanted_us) {
  if (wanted_us == 0 || wanted_us == group.slice_us || wanted_us == group.refused_us ||
      group.scheduled_ns == 0) {
    return 0;
  }
  return group.scheduled_ns + kSliceSettleNs;
}

}  // namespace corun::shim
