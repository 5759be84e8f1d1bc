// Contexts and streams of the drop-in driver.
#include <algorithm>
#include <csignal>

#include "simgpu/driver/driver.h"
#include "simgpu/driver/per_thread.h"

namespace corun::simgpu::driver {

using cuda::Code;

namespace {

// CU_STREAM_LEGACY and CU_STREAM_PER_THREAD of the driver API.
constexpr uintptr_t kLegacyHandle = 1;
constexpr uintptr_t kPerThreadHandle = 2;

}  // namespace

Code Driver::create_context(cuda::Device device, unsigned flags, Context** context) {
  wire::IdCall message;
  message.id = node_index_[static_cast<size_t>(device)];
  const auto answer = call(wire::Type::kContextCreate, message);
  if (!answer) return Code::kUnknown;
  if (answer->code != wire::Code::kOk) return to_cuda(answer->code);
  auto made = std::make_unique<Context>();
  made->id = answer->count;
  made->device = device;
  made->flags = flags;
  made->legacy.context = made.get();
  if (!mps_client()) made->channel_groups = device_file.make_groups(made->id);
  *context = made.release();
  contexts.insert(*context);
  return Code::kSuccess;
}

void Driver::destroy_context(Lock& lock, Context* context) {
  wait_for_context(lock, *context);
  device_file.free_groups(context->channel_groups);
  wire::IdCall message;
  message.id = context->id;
  call(wire::Type::kContextDestroy, message);
  for (Pending& pending : pending_) {
    if (pending.context == context) {
      pending.context = nullptr;
      pending.done = true;
    }
  }
  memory.forget_context(context->id);
  std::erase_if(arrays, [&](uint64_t address) { return memory.find(address, 1) == nullptr; });
  for (Stream* stream : context->streams) {
    streams.erase(stream);
    delete stream;
  }
  std::erase_if(modules, [&](Module* module) {
    if (module->context != context) return false;
    for (const auto& [name, function] : module->functions) functions.erase(function.get());
    delete module;
    return true;
  });
  std::erase_if(execs, [&](GraphExec* exec) {
    if (exec->context != context) return false;
    delete exec;
    return true;
  });
  contexts.erase(context);
  delete context;
}

Stream* Driver::stream(Context& context, cuda::StreamHandle handle) {
  const auto value = reinterpret_cast<uintptr_t>(handle);
  const bool own = value == kPerThreadHandle || (value == 0 && PerThreadDefault::active());
  if (!own && (value == 0 || value == kLegacyHandle)) return &context.legacy;
  if (own) {
    Stream& stream = context.per_thread[std::this_thread::get_id()];
    stream.context = &context;
    return &stream;
  }
  auto* stream = reinterpret_cast<Stream*>(handle);
  return streams.contains(stream) ? stream : nullptr;
}

bool Driver::release(uint64_t address) {
  const MemoryMap::Released released = memory.release(address);
  if (released.allocation != 0) {
    wire::IdCall message;
    message.id = released.allocation;
    call(wire::Type::kFree, message);
  }
  return released.known;
}

Entered::Entered(While held) : driver(Driver::get()), lock(driver.mutex) {
  if (!driver.initialised()) {
    code_ = Code::kNotInitialized;
    return;
  }
  if (held == While::kWaits) {
    driver.wait_until_unlocked(lock);
  } else if (driver.parked() && held == While::kFails) {
    code_ = Code::kOperatingSystem;
    return;
  } else if (driver.parked()) {
    say_once("a synchronisation or query of a parked process: its memory is gone");
    std::raise(SIGSEGV);
  }
  std::vector<Context*>& stack = context_stack();
  if (!stack.empty() && driver.contexts.contains(stack.back())) context = stack.back();
  if (context == nullptr) {
    code_ = Code::kInvalidContext;
    return;
  }
  driver.drain();
  code_ = context->sticky;
}

}  // namespace corun::simgpu::driver
