// The state of the drop-in driver in one process, and how work gets to the server and back.
//
// Everything is behind one mutex; a thread that waits for the GPU sleeps on the completion ring
// without it. Completions are taken in by whoever calls next (drain()), in order of device time,
// and their effects on memory happen there: nobody can see memory before he has called. Host
// functions run on a thread of their own, which exists once there is a host function.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>

#include "simgpu/client/connection.h"
#include "simgpu/driver/control_files.h"
#include "simgpu/driver/device_file.h"
#include "simgpu/driver/memory.h"
#include "simgpu/driver/objects.h"

namespace corun::simgpu::driver {

/// What a call to the kernel module carries as a number.
template <typename T>
T* pointer(uint64_t address) {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): as the ABI has it
}

using Lock = std::unique_lock<std::mutex>;

/// An operation that the server has, and what its completion does.
struct Pending {
  Context* context = nullptr;  ///< null: destroyed meanwhile
  bool done = false;
  Action action;
  std::shared_ptr<const std::vector<Node>> graph;
  std::shared_ptr<Stamp> stamp;
};

class Driver {
 public:
  /// The process's one driver; never destroyed, as threads may use it at exit.
  static Driver& get();

  /// Connects to the node. Code::kNoDevice where there is none.
  cuda::Code init();
  bool initialised() const { return connection_.has_value() && !forked_; }
  bool forked() const { return forked_; }
  const std::vector<wire::DeviceInfo>& devices() const { return devices_; }
  /// Name of the node's GPU profile; asks the server once, also before init(). Empty: no server.
  const std::string& profile();
  /// GPUs of the node, also those that are hidden from this process.
  uint32_t node_gpus() const { return connection_->welcome().gpus; }
  /// How long a call takes that flushes an event buffer.
  int64_t flush_ns() const { return connection_->welcome().flush_ns; }
  bool mps_client() const { return connection_->welcome().mps_client != 0; }

  /// A call to the server; a lost server is kUnknown for this and all later calls.
  template <typename Message>
  std::optional<Answer> call(wire::Type type, const Message& message,
                             std::span<const std::byte> tail = {}, int pass_fd = -1) {
    Result<Answer> answer = connection_->call(type, message, tail, pass_fd);
    if (answer) return std::move(answer).value();
    lose_server();
    return std::nullopt;
  }
  template <typename Message>
  void post(wire::Type type, Message& message, std::span<const std::byte> tail = {}) {
    if (!connection_->post(type, message, tail)) lose_server();
  }

  /// Puts an operation behind the stream's last one. Waits while too many are in flight.
  /// `op_id`, if given, becomes its number.
  cuda::Code submit(Lock& lock, Stream& stream, const wire::Op& op,
                    std::span<const std::byte> params, Pending pending, uint64_t* op_id = nullptr);
  /// Takes in all completions that have come.
  void drain();
  bool done(uint64_t op) const;
  /// Waits for an operation; returns the context's fault if it has one.
  cuda::Code wait_for(Lock& lock, Context& context, uint64_t op);
  cuda::Code wait_for_stream(Lock& lock, Stream& stream);
  cuda::Code wait_for_context(Lock& lock, Context& context);
  /// Waits for everything in flight, of all contexts.
  void wait_for_all(Lock& lock);
  /// Stands still while the process is locked for a checkpoint.
  void wait_until_unlocked(Lock& lock);
  /// Whether the process is parked: its GPU memory is gone.
  bool parked() const;
  /// The thread that runs host functions; from now on completions are taken in without calls.
  void start_host_thread();
  /// Whether all that `stream` depends on is done.
  bool idle(Stream& stream) const;

  /// Lets the server reach this process's memory, for waits on words. False: it cannot.
  bool share_memory();

  cuda::Code create_context(cuda::Device device, unsigned flags, Context** context);
  void destroy_context(Lock& lock, Context* context);
  /// Ends the allocation that begins at `address`. False: there is none.
  bool release(uint64_t address);
  /// Resolves null, 1 (legacy) and 2 (per thread) too. Null: no such stream.
  Stream* stream(Context& context, cuda::StreamHandle handle);

  std::mutex mutex;
  MemoryMap memory;
  std::unordered_set<Context*> contexts;
  std::unordered_set<Stream*> streams;
  std::unordered_set<Event*> events;
  std::unordered_set<Module*> modules;
  std::unordered_set<Function*> functions;
  std::unordered_set<Graph*> graphs;
  std::unordered_set<GraphNode*> graph_nodes;
  std::unordered_set<GraphExec*> execs;
  std::unordered_set<Pool*> pools;
  std::map<cuda::Device, Pool*> current_pools;  ///< those that cuDeviceSetMemPool chose
  std::unordered_set<uint64_t> arrays;          ///< addresses of their memory
  std::vector<Context*> primary;                ///< by device; null until retained
  std::vector<unsigned> primary_flags;
  DeviceFile device_file;
  ControlFiles control_files;
  uint64_t last_stream_number = 0;

 private:
  struct HostCall {
    uint64_t op;
    cuda::HostFunction function;
    void* user_data;
  };

  Driver() = default;
  static void before_fork();
  static void after_fork_in_parent();
  static void after_fork_in_child();
  void lose_server();
  void take(const wire::Completion& record);
  void apply(const Action& action);
  void end_context(uint32_t id, cuda::Code code);
  cuda::Code find_devices();
  cuda::Code wait_on_legacy(Lock& lock, Stream& stream);
  cuda::Code send(Lock& lock, Stream& stream, const wire::Op& op, std::span<const std::byte> params,
                  Pending pending, uint64_t* op_id);
  void await_completion(Lock& lock);
  void run_host_functions();

  std::optional<Connection> connection_;
  bool lost_ = false;
  bool forked_ = false;
  std::string profile_;
  std::vector<wire::DeviceInfo> devices_;
  std::vector<uint32_t> node_index_;  ///< of each device, at the server
  std::deque<Pending> pending_;       ///< operations first_op_, first_op_ + 1, ...
  uint64_t first_op_ = 1;
  uint32_t tail_ = 0;
  std::deque<HostCall> host_calls_;
  bool host_thread_ = false;
  std::optional<bool> memory_shared_;
};

/// Prints `corun: simulated driver: LINE` on standard error, each line once in a process.
void say_once(const std::string& line);

/// The driver's code for the server's.
cuda::Code to_cuda(wire::Code code);

/// The calling thread's stack of contexts; back() is current.
std::vector<Context*>& context_stack();

/// What a call does while the process is held for a checkpoint.
enum class While {
  kWaits,
  /// Synchronisations and queries go on while it is locked, and die when it is parked (SIGSEGV), as
  /// the driver's do.
  kLooks,
  kFails,  ///< goes on while it is locked, and fails when it is parked
};

/// Begins most calls: the mutex, the current context and its fault, completions taken in.
class Entered {
 public:
  explicit Entered(While held = While::kWaits);
  /// kSuccess, or what the call must return.
  cuda::Code code() const { return code_; }
  Driver& driver;
  Lock lock;
  Context* context = nullptr;

 private:
  cuda::Code code_ = cuda::Code::kSuccess;
};

}  // namespace corun::simgpu::driver
