// Copies and memsets. They differ only in their parameters, so the handlers are made from the
// parameter types of the table.
#include <type_traits>

#include "engine/shim/preload/process.h"

namespace corun::shim {

namespace {

/// What a copy goes over, and whether its return means that it is done.
enum class Way {
  kBus,     ///< between host and device
  kAny,     ///< its parameters do not tell
  kDevice,  ///< inside a device
  kToHost,  ///< to the host, and done when the call returns
};

/// The size among a copy's parameters: the last one of type size_t (of 2D memsets the rows, which
/// is too small; they are rare). Descriptors and batches count as nothing but the fixed cost.
template <class Parameter>
constexpr void keep_size(uint64_t& size, Parameter parameter) {
  if constexpr (std::is_same_v<Parameter, size_t>) {
    size = parameter;
  }
}

template <class... Parameters>
uint64_t estimate_of(Way way, Parameters... parameters) {
  uint64_t bytes = 0;
  (keep_size(bytes, parameters), ...);
  const uint64_t per_us = way == Way::kDevice ? kDeviceBytesPerUs : kCopyBytesPerUs;
  return kCopyFixedNs + bytes / per_us * 1000;
}

constexpr Operation::Kind kind_of(Way way) {
  return way == Way::kBus || way == Way::kToHost ? Operation::kCopy : Operation::kDeviceCopy;
}

template <class First, class... Rest>
StreamHandle last_of(First first, Rest... rest) {
  if constexpr (sizeof...(Rest) == 0) {
    return first;
  } else {
    return last_of(rest...);
  }
}

template <Slot kSlot, DefaultStream kDefault, Way kWay, class Signature>
struct AsyncCopy;

template <Slot kSlot, DefaultStream kDefault, Way kWay, class... Parameters>
struct AsyncCopy<kSlot, kDefault, kWay, void(Parameters...)> {
  static Code call(Parameters... parameters) {
    Work work(kind_of(kWay), named<kDefault>(last_of(parameters...)), 0,
              estimate_of(kWay, parameters...));
    return work.done(next<kSlot>(parameters...));
  }
};

template <Slot kSlot, DefaultStream kDefault, Way kWay, class Signature>
struct SyncCopy;

template <Slot kSlot, DefaultStream kDefault, Way kWay, class... Parameters>
struct SyncCopy<kSlot, kDefault, kWay, void(Parameters...)> {
  static Code call(Parameters... parameters) {
    const StreamHandle stream = named<kDefault>(nullptr);
    Synchronisation sync;
    if (kWay == Way::kToHost && outermost()) {
      machine.before_stream_sync(sync, stream);
    }
    Work work(kind_of(kWay), stream, 0, estimate_of(kWay, parameters...), false);
    const Code code = work.done(next<kSlot>(parameters...));
    if (sync.count > 0) {
      sync.covered[0].submitted += 1;  // the copy itself
    }
    machine.after_sync(sync, code);
    return code;
  }
};

}  // namespace

#define CORUN_DEFINE(symbol, way, stream, since, parameters) \
  CORUN_DEFINE_HOOK(                                         \
      symbol, (&AsyncCopy<Slot::symbol, DefaultStream::stream, Way::way, void parameters>::call))
CORUN_ASYNC_COPY_HOOKS(CORUN_DEFINE)
#undef CORUN_DEFINE
#define CORUN_DEFINE(symbol, way, stream, since, parameters) \
  CORUN_DEFINE_HOOK(                                         \
      symbol, (&SyncCopy<Slot::symbol, DefaultStream::stream, Way::way, void parameters>::call))
CORUN_SYNC_COPY_HOOKS(CORUN_DEFINE)
#undef CORUN_DEFINE

}  // namespace corun::shim
