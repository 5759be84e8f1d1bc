// Launches and synchronisation: each hook is one step before the call and one after it.
#include <algorithm>

#include "engine/shim/preload/process.h"

namespace corun::shim {

namespace {

template <Slot kSlot, DefaultStream kDefault>
Code launch_kernel(FunctionHandle function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                   StreamHandle stream, void** parameters, void** extra) {
  Work work(
      Operation::kKernel, named<kDefault>(stream),
      Estimates::key(function, grid_x, grid_y, grid_z, block_x * block_y * block_z, shared_bytes));
  return work.done(next<kSlot>(function, grid_x, grid_y, grid_z, block_x, block_y, block_z,
                               shared_bytes, stream, parameters, extra));
}

template <Slot kSlot, DefaultStream kDefault>
Code launch_cooperative(FunctionHandle function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                        StreamHandle stream, void** parameters) {
  Work work(
      Operation::kKernel, named<kDefault>(stream),
      Estimates::key(function, grid_x, grid_y, grid_z, block_x * block_y * block_z, shared_bytes));
  return work.done(next<kSlot>(function, grid_x, grid_y, grid_z, block_x, block_y, block_z,
                               shared_bytes, stream, parameters));
}

template <Slot kSlot, DefaultStream kDefault>
Code launch_kernel_ex(const cuda::LaunchConfig* config, FunctionHandle function, void** parameters,
                      void** extra) {
  if (config == nullptr) {
    return next<kSlot>(config, function, parameters, extra);
  }
  Work work(Operation::kKernel, named<kDefault>(config->stream),
            Estimates::key(function, config->grid_x, config->grid_y, config->grid_z,
                           config->block_x * config->block_y * config->block_z,
                           config->dynamic_shared_bytes));
  return work.done(next<kSlot>(config, function, parameters, extra));
}

/// The forms of before CUDA 4: their blocks were set by calls that are not followed.
template <Slot kSlot, DefaultStream>
Code launch_old(FunctionHandle function) {
  Work work(Operation::kKernel, nullptr, Estimates::key(function, 1, 1, 1, 0, 0));
  return work.done(next<kSlot>(function));
}

uint64_t grid_key(FunctionHandle function, int width, int height) {
  return Estimates::key(function, static_cast<unsigned>(width), static_cast<unsigned>(height), 1, 0,
                        0);
}

template <Slot kSlot, DefaultStream>
Code launch_grid(FunctionHandle function, int width, int height) {
  Work work(Operation::kKernel, nullptr, grid_key(function, width, height));
  return work.done(next<kSlot>(function, width, height));
}

template <Slot kSlot, DefaultStream>
Code launch_grid_async(FunctionHandle function, int width, int height, StreamHandle stream) {
  Work work(Operation::kKernel, stream, grid_key(function, width, height));
  return work.done(next<kSlot>(function, width, height, stream));
}

/// Makes the context of a stream current while it lives.
class InContextOf {
 public:
  explicit InContextOf(StreamHandle stream) {
    const Driver& driver = machine.driver();
    ContextHandle context = nullptr;
    pushed_ = driver.stream_context != nullptr && driver.ctx_push != nullptr &&
              driver.ctx_pop != nullptr &&
              driver.stream_context(stream, &context) == Code::kSuccess &&
              driver.ctx_push(context) == Code::kSuccess;
  }
  ~InContextOf() {
    ContextHandle popped = nullptr;
    if (pushed_) {
      machine.driver().ctx_pop(&popped);
    }
  }
  InContextOf(const InContextOf&) = delete;
  InContextOf& operator=(const InContextOf&) = delete;

 private:
  bool pushed_ = false;
};

/// One kernel on each of several devices, all of which start together: each waits for its own
/// device's gates.
template <Slot kSlot, DefaultStream>
Code launch_devices(const cuda::DeviceLaunch* launches, unsigned count, unsigned flags) {
  Operation operations[kMaxDevices];
  const unsigned followed =
      launches == nullptr || !outermost() ? 0 : std::min<unsigned>(count, kMaxDevices);
  for (unsigned i = 0; i < followed; ++i) {
    const cuda::DeviceLaunch& one = launches[i];
    const InContextOf context(one.stream);
    operations[i].stream = one.stream;
    operations[i].key =
        Estimates::key(one.function, one.grid_x, one.grid_y, one.grid_z,
                       one.block_x * one.block_y * one.block_z, one.dynamic_shared_bytes);
    machine.before(operations[i]);
  }
  const Code code = next<kSlot>(launches, count, flags);
  for (unsigned i = 0; i < followed; ++i) {
    const InContextOf context(launches[i].stream);
    machine.after(operations[i], code);
  }
  return code;
}

template <Slot kSlot, DefaultStream kDefault>
Code graph_launch(GraphExecHandle graph, StreamHandle stream) {
  GraphLaunch launch;
  launch.kind = Operation::kGraph;
  launch.stream = named<kDefault>(stream);
  launch.key = Estimates::key(graph);
  launch.exec = graph;
  if (outermost()) {
    machine.before_graph(launch);
  }
  Code code = next<kSlot>(launch.exec, stream);
  if (code != Code::kSuccess && launch.exec != graph) {
    machine.on_segments_refused(launch);
    code = next<kSlot>(graph, stream);
  }
  machine.after_graph(launch, code);
  return code;
}

template <class Call>
Code looking(Call call) {
  const Look look;
  return call();
}

template <Slot kSlot, DefaultStream>
Code ctx_synchronize() {
  Synchronisation sync;
  if (outermost()) {
    machine.before_context_sync(sync);
  }
  const Code code = looking([] { return next<kSlot>(); });
  machine.after_sync(sync, code);
  return code;
}

/// Of any context: counted as a look, and the streams are asked.
template <Slot kSlot, DefaultStream>
Code ctx_synchronize_v2(ContextHandle context) {
  Synchronisation sync;
  if (outermost() && context == machine.current_context()) {
    machine.before_context_sync(sync);
  }
  const Code code = looking([&] { return next<kSlot>(context); });
  machine.after_sync(sync, code);
  return code;
}

/// Synchronising and asking tell the same when they succeed.
template <Slot kSlot, DefaultStream kDefault>
Code stream_synchronize(StreamHandle stream) {
  Synchronisation sync;
  if (outermost()) {
    machine.before_stream_sync(sync, named<kDefault>(stream));
  }
  const Code code = looking([&] { return next<kSlot>(stream); });
  machine.after_sync(sync, code);
  return code;
}

template <Slot kSlot, DefaultStream>
Code event_synchronize(EventHandle event) {
  Synchronisation sync;
  if (outermost()) {
    machine.before_event_sync(sync, event);
  }
  const Code code = looking([&] { return next<kSlot>(event); });
  machine.after_sync(sync, code);
  return code;
}

template <Slot kSlot, DefaultStream>
Code event_elapsed(float* milliseconds, EventHandle from, EventHandle to) {
  return looking([&] { return next<kSlot>(milliseconds, from, to); });
}

template <Slot kSlot, DefaultStream kDefault>
Code event_record(EventHandle event, StreamHandle stream) {
  if (outermost()) {
    before_other_call();
    machine.on_event_record(event, named<kDefault>(stream));
  }
  return next<kSlot>(event, stream);
}

template <Slot kSlot, DefaultStream kDefault>
Code event_record_flags(EventHandle event, StreamHandle stream, unsigned flags) {
  if (outermost()) {
    before_other_call();
    machine.on_event_record(event, named<kDefault>(stream));
  }
  return next<kSlot>(event, stream, flags);
}

template <Slot kSlot, DefaultStream>
Code stream_destroy(StreamHandle stream) {
  if (outermost()) {
    before_other_call();
    machine.on_stream_gone(stream);
  }
  return next<kSlot>(stream);
}

/// A capture is counted from before it begins, so that no call of the shim can fall into it.
class CaptureBegin {
 public:
  CaptureBegin() : counts_(outermost()) {
    if (counts_) {
      before_other_call();
      machine.on_capture_begin();
    }
  }
  Code done(Code code) const {
    if (counts_ && code == Code::kSuccess) {
      ++thread_state.capturing;
    } else if (counts_) {
      machine.on_capture_end();
    }
    return code;
  }

 private:
  bool counts_;
};

template <Slot kSlot, DefaultStream>
Code begin_capture_v1(StreamHandle stream) {
  const CaptureBegin begin;
  return begin.done(next<kSlot>(stream));
}

template <Slot kSlot, DefaultStream>
Code begin_capture(StreamHandle stream, int mode) {
  const CaptureBegin begin;
  return begin.done(next<kSlot>(stream, mode));
}

template <Slot kSlot, DefaultStream>
Code begin_capture_to_graph(StreamHandle stream, void* graph, const void* dependencies,
                            const void* data, size_t count, int mode) {
  const CaptureBegin begin;
  return begin.done(next<kSlot>(stream, graph, dependencies, data, count, mode));
}

template <Slot kSlot, DefaultStream>
Code end_capture(StreamHandle stream, void** graph) {
  const bool counts = outermost();
  before_other_call();
  const Code code = next<kSlot>(stream, graph);
  if (counts && code != Code::kStreamCaptureWrongThread && code != Code::kIllegalState) {
    thread_state.capturing -= thread_state.capturing > 0 ? 1 : 0;
    machine.on_capture_end();
  }
  return code;
}

}  // namespace

#define CORUN_DEFINE(symbol, handler, stream, since) \
  CORUN_DEFINE_HOOK(symbol, (&handler<Slot::symbol, DefaultStream::stream>))
CORUN_LAUNCH_HOOKS(CORUN_DEFINE)
CORUN_SYNC_HOOKS(CORUN_DEFINE)
#undef CORUN_DEFINE

}  // namespace corun::shim
