#include "simgpu/driver/driver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "simgpu/driver/effects.h"
#include "simgpu/driver/limits.h"

namespace corun::simgpu::driver {

using cuda::Code;

namespace {

// How many operations a process may have in flight before a submission waits, as the real driver's
// launch queue does. Below wire::kMaxOutstanding.
constexpr size_t kMaxInFlight = 1024;
constexpr int kLivenessMs = 100;

}  // namespace

void say_once(const std::string& line) {
  static std::mutex mutex;
  static auto* said = new std::set<std::string>();
  const std::lock_guard lock(mutex);
  if (!said->insert(line).second) return;
  fmt::print(stderr, "corun: simulated driver: {}\n", line);
}

Code to_cuda(wire::Code code) {
  switch (code) {
    case wire::Code::kOk:
      return Code::kSuccess;
    case wire::Code::kOutOfMemory:
    case wire::Code::kLimit:
      return Code::kOutOfMemory;
    case wire::Code::kNotFound:
      return Code::kNotFound;
    case wire::Code::kInvalid:
      return Code::kInvalidValue;
    case wire::Code::kNotSupported:
      return Code::kNotSupported;
    case wire::Code::kIllegalAddress:
      return Code::kIllegalAddress;
    case wire::Code::kMpsServerDied:
      return Code::kMpsRpcFailure;
    case wire::Code::kMpsTerminated:
      return Code::kMpsClientTerminated;
    case wire::Code::kMpsRefused:
      return Code::kMpsMaxClientsReached;
    case wire::Code::kContextDead:
      return Code::kContextIsDestroyed;
    case wire::Code::kIllegalState:
      return Code::kIllegalState;
    case wire::Code::kNotReady:
      return Code::kNotReady;
    case wire::Code::kLost:
      return Code::kOperatingSystem;
  }
  return Code::kUnknown;
}

std::vector<Context*>& context_stack() {
  thread_local std::vector<Context*> stack;
  return stack;
}

Driver& Driver::get() {
  static auto* driver = new Driver();
  return *driver;
}

// A fork while another thread is inside the driver must not leave the child's copy locked.
void Driver::before_fork() { get().mutex.lock(); }
void Driver::after_fork_in_parent() { get().mutex.unlock(); }
void Driver::after_fork_in_child() {
  Driver& driver = get();
  driver.forked_ = true;  // CUDA cannot be used in a child of a process that has initialised it
  if (driver.connection_) driver.connection_->abandon();
  driver.mutex.unlock();
}

Code Driver::init() {
  if (forked_) return Code::kNotInitialized;
  if (connection_) return devices_.empty() ? Code::kNoDevice : Code::kSuccess;
  const Result<std::string> node = node_from_environment();
  if (!node) {
    say_once(node.error().text());
    return Code::kNoDevice;
  }
  Result<Connection> opened = Connection::open(*node, hello_from_environment(wire::Role::kCuda));
  if (!opened) {
    say_once(opened.error().text());
    return Code::kNoDevice;
  }
  connection_.emplace(std::move(opened).value());
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  DeviceFile::attach();
  return find_devices();
}

Code Driver::find_devices() {
  std::vector<wire::DeviceInfo> all;
  for (uint32_t i = 0; i < connection_->welcome().gpus; ++i) {
    const auto answer = call(wire::Type::kDeviceInfo, wire::DeviceCall{.header = {}, .device = i});
    const auto info = answer ? answer->as<wire::DeviceInfo>() : std::nullopt;
    if (!info) return Code::kUnknown;
    all.push_back(*info);
  }
  std::optional<std::string> chosen;
  const char* text = std::getenv("CUDA_VISIBLE_DEVICES");  // empty is not the same as unset
  if (text != nullptr) chosen = text;
  node_index_ = visible_devices(chosen, all);
  for (const uint32_t index : node_index_) devices_.push_back(all[index]);
  primary.resize(devices_.size());
  primary_flags.resize(devices_.size());
  return devices_.empty() ? Code::kNoDevice : Code::kSuccess;
}

const std::string& Driver::profile() {
  if (!profile_.empty() || forked_) return profile_;
  if (connection_) {
    profile_ = connection_->welcome().profile;
    return profile_;
  }
  wire::Hello hello;
  hello.role = wire::Role::kObserver;
  const Result<std::string> node = node_from_environment();
  if (!node) return profile_;
  const Result<Connection> opened = Connection::open(*node, hello);
  if (opened) profile_ = opened->welcome().profile;
  return profile_;
}

bool Driver::share_memory() {
  if (memory_shared_) return *memory_shared_;
  const Fd memory_fd(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
  memory_shared_ = false;
  if (memory_fd) {
    const auto answer = call(wire::Type::kMemoryAccess, wire::MemoryAccess(), {}, memory_fd.get());
    memory_shared_ = answer && answer->code == wire::Code::kOk;
  }
  if (!*memory_shared_) say_once("the server cannot reach this process's memory");
  return *memory_shared_;
}

void Driver::lose_server() {
  if (lost_) return;
  lost_ = true;
  say_once("the simulated node's server is gone");
  for (Context* context : contexts) {
    if (context->sticky == Code::kSuccess) context->sticky = Code::kUnknown;
  }
  for (Pending& pending : pending_) pending.done = true;
}

// --- submission ---

Code Driver::submit(Lock& lock, Stream& stream, const wire::Op& op,
                    std::span<const std::byte> params, Pending pending, uint64_t* op_id) {
  if (const Code code = wait_on_legacy(lock, stream); code != Code::kSuccess) return code;
  return send(lock, stream, op, params, std::move(pending), op_id);
}

/// The legacy default stream waits for all blocking streams, and they for it.
Code Driver::wait_on_legacy(Lock& lock, Stream& stream) {
  Context& context = *stream.context;
  std::vector<uint64_t> targets;
  if (&stream == &context.legacy) {
    for (const Stream* other : context.streams) {
      if (other->blocking && !other->capture && !done(other->last_op)) {
        targets.push_back(other->last_op);
      }
    }
    for (const auto& [thread, other] : context.per_thread) {
      if (!done(other.last_op)) targets.push_back(other.last_op);
    }
  } else if (stream.blocking && context.legacy.last_op > stream.last_op &&
             !done(context.legacy.last_op)) {
    targets.push_back(context.legacy.last_op);
  }
  for (const uint64_t target : targets) {
    wire::Op wait;
    wait.kind = wire::OpKind::kWait;
    wait.wait_on = target;
    const Code code = send(lock, stream, wait, {}, {}, nullptr);
    if (code != Code::kSuccess) return code;
  }
  return Code::kSuccess;
}

Code Driver::send(Lock& lock, Stream& stream, const wire::Op& op, std::span<const std::byte> params,
                  Pending pending, uint64_t* op_id) {
  Context& context = *stream.context;
  drain();
  while (pending_.size() >= kMaxInFlight && context.sticky == Code::kSuccess) {
    await_completion(lock);
    drain();
  }
  if (context.sticky != Code::kSuccess) return context.sticky;
  if (stream.id == 0) {
    wire::StreamCreate create;
    create.context = context.id;
    create.priority = stream.priority;
    const auto answer = call(wire::Type::kStreamCreate, create);
    if (!answer) return Code::kUnknown;
    if (answer->code != wire::Code::kOk) return to_cuda(answer->code);
    stream.id = answer->count;
  }
  wire::Submit message;
  message.op_id = first_op_ + pending_.size();
  message.stream = stream.id;
  message.op = op;
  message.op.param_bytes = static_cast<uint32_t>(params.size());
  pending.context = &context;
  if (pending.stamp) pending.stamp->op = message.op_id;
  pending_.push_back(std::move(pending));
  stream.last_op = message.op_id;
  if (op_id != nullptr) *op_id = message.op_id;
  post(wire::Type::kSubmit, message, params);
  return context.sticky;
}

// --- completion ---

void Driver::drain() {
  if (!connection_ || lost_) return;
  wire::Ring& ring = *connection_->ring();
  const uint32_t head = ring.head.load(std::memory_order_acquire);
  while (tail_ != head) {
    const wire::Completion record = ring.records[tail_ % wire::kRingRecords];
    ring.tail.store(++tail_, std::memory_order_release);
    take(record);
  }
  while (!pending_.empty() && pending_.front().done) {
    pending_.pop_front();
    ++first_op_;
  }
}

void Driver::take(const wire::Completion& record) {
  if (record.kind == wire::RecordKind::kContextDead) {
    const Code code = to_cuda(record.code);
    end_context(record.context, code == Code::kInvalidValue ? Code::kLaunchFailed : code);
    return;
  }
  if (record.op_id < first_op_ || record.op_id - first_op_ >= pending_.size()) return;
  Pending& pending = pending_[record.op_id - first_op_];
  if (pending.done) return;
  if (record.kind == wire::RecordKind::kReached) {
    const bool in_graph = pending.graph != nullptr;
    if (in_graph && record.node >= pending.graph->size()) return;
    const Action& action = in_graph ? (*pending.graph)[record.node].action : pending.action;
    host_calls_.push_back({record.op_id, action.function, action.user_data});
    return;
  }
  pending.done = true;
  if (record.code != wire::Code::kOk) {
    end_context(record.context, to_cuda(record.code));
    return;
  }
  if (pending.graph) {
    for (const Node& node : *pending.graph) apply(node.action);
  } else {
    apply(pending.action);
  }
  if (pending.stamp && pending.stamp->op == record.op_id) {
    pending.stamp->done = true;
    pending.stamp->at_ns = record.at_ns;
  }
  pending.graph.reset();
  pending.action = {};
}

void Driver::end_context(uint32_t id, Code code) {
  for (Context* context : contexts) {
    if (context->id == id && context->sticky == Code::kSuccess) context->sticky = code;
  }
  for (Pending& pending : pending_) {
    if (pending.context != nullptr && pending.context->id == id) pending.done = true;
  }
}

void Driver::apply(const Action& action) {
  switch (action.kind) {
    case Action::Kind::kCopy:
      std::memmove(action.to, action.from, action.count);
      return;
    case Action::Kind::kFill8:
      std::memset(action.to, static_cast<int>(action.value), action.count);
      return;
    case Action::Kind::kClear:
      clear_device_bytes(action.to, action.count);
      return;
    case Action::Kind::kFill16:
      std::fill_n(reinterpret_cast<uint16_t*>(action.to), action.count,
                  static_cast<uint16_t>(action.value));
      return;
    case Action::Kind::kFill32:
      fill_words(action.to, action.value, action.count);
      return;
    case Action::Kind::kLcgStep:
      lcg_step(action.to, action.count, action.value);
      return;
    case Action::Kind::kFree:
      release(action.address);
      return;
    case Action::Kind::kHostFunction:
    case Action::Kind::kNone:
      return;
  }
}

bool Driver::done(uint64_t op) const {
  if (op < first_op_) return true;
  const uint64_t index = op - first_op_;
  return index < pending_.size() && pending_[index].done;
}

/// Lets the other threads in and waits for the next completion.
void Driver::await_completion(Lock& lock) {
  if (lost_) return;
  wire::Ring& ring = *connection_->ring();
  const uint32_t seen = tail_;
  lock.unlock();
  wait_for_head(ring, seen, kLivenessMs);
  const bool nothing = ring.head.load(std::memory_order_acquire) == seen;
  lock.lock();
  if (nothing && connection_ && !connection_->alive()) lose_server();
}

bool Driver::parked() const {
  return connection_ && !lost_ && !forked_ &&
         connection_->ring()->hold.load(std::memory_order_acquire) == wire::Hold::kParked;
}

void Driver::wait_until_unlocked(Lock& lock) {
  if (!connection_ || lost_ || forked_) return;
  wire::Ring& ring = *connection_->ring();
  while (!lost_) {
    const wire::Hold hold = ring.hold.load(std::memory_order_acquire);
    if (hold == wire::Hold::kNone) return;
    lock.unlock();
    const timespec limit{0, kLivenessMs * 1'000'000L};
    syscall(SYS_futex, &ring.hold, FUTEX_WAIT, hold, &limit, nullptr, 0);
    lock.lock();
    if (!connection_->alive()) lose_server();
  }
}

Code Driver::wait_for(Lock& lock, Context& context, uint64_t op) {
  drain();
  while (!done(op) && context.sticky == Code::kSuccess && !forked_) {
    await_completion(lock);
    drain();
  }
  return context.sticky;
}

Code Driver::wait_for_stream(Lock& lock, Stream& stream) {
  Context& context = *stream.context;
  const uint64_t own = stream.last_op;
  if (&stream != &context.legacy) return wait_for(lock, context, own);
  // A synchronisation with the legacy stream is one with all blocking streams.
  std::vector<uint64_t> targets = {own};
  for (const Stream* other : context.streams) {
    if (other->blocking && !other->capture) targets.push_back(other->last_op);
  }
  for (const auto& [thread, other] : context.per_thread) targets.push_back(other.last_op);
  for (const uint64_t target : targets) wait_for(lock, context, target);
  return context.sticky;
}

Code Driver::wait_for_context(Lock& lock, Context& context) {
  std::vector<uint64_t> targets = {context.legacy.last_op};
  for (const Stream* other : context.streams) targets.push_back(other->last_op);
  for (const auto& [thread, other] : context.per_thread) targets.push_back(other.last_op);
  for (const uint64_t target : targets) wait_for(lock, context, target);
  return context.sticky;
}

void Driver::wait_for_all(Lock& lock) {
  const uint64_t end = first_op_ + pending_.size();
  drain();
  while (first_op_ < end && !pending_.empty() && !lost_) {
    await_completion(lock);
    drain();
  }
}

bool Driver::idle(Stream& stream) const {
  if (!done(stream.last_op)) return false;
  if (&stream != &stream.context->legacy) return true;
  return std::all_of(stream.context->streams.begin(), stream.context->streams.end(),
                     [&](const Stream* s) { return !s->blocking || done(s->last_op); });
}

// --- host functions ---

void Driver::start_host_thread() {
  if (host_thread_) return;
  host_thread_ = true;
  std::thread([this] { run_host_functions(); }).detach();
}

void Driver::run_host_functions() {
  Lock lock(mutex);
  while (!lost_) {
    drain();
    if (host_calls_.empty()) {
      await_completion(lock);
      continue;
    }
    const HostCall call = host_calls_.front();
    host_calls_.pop_front();
    lock.unlock();
    if (call.function != nullptr) call.function(call.user_data);
    lock.lock();
    wire::HostDone message;
    message.op_id = call.op;
    post(wire::Type::kHostDone, message);
  }
}

}  // namespace corun::simgpu::driver
