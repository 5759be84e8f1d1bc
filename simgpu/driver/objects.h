// The objects behind the handles that the drop-in driver gives out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/abi/cuda_types.h"
#include "simgpu/driver/ptx.h"
#include "simgpu/wire/wire.h"

namespace corun::simgpu::driver {

struct Context;

/// What an operation does to memory when it completes.
struct Action {
  enum class Kind {
    kNone,
    kCopy,
    kFill8,
    kFill16,
    kFill32,
    kClear,
    kLcgStep,
    kHostFunction,
    kFree
  };
  Kind kind = Kind::kNone;
  std::byte* to = nullptr;  ///< target; kLcgStep: the state
  const std::byte* from = nullptr;
  uint64_t count = 0;  ///< bytes of kCopy, kFill8, kClear, words of the others
  uint32_t value = 0;  ///< kFill...: the value; kLcgStep: the addend
  std::shared_ptr<std::vector<std::byte>> staged;  ///< owns `from` where that was pageable
  cuda::HostFunction function = nullptr;
  void* user_data = nullptr;
  uint64_t address = 0;  ///< kFree: a device address
};

/// When a recorded event happened.
struct Stamp {
  uint64_t op = 0;
  bool done = false;
  int64_t at_ns = 0;
};

struct Function;

/// One piece of work: what goes to the server, and what its completion does here.
struct Node {
  wire::Op op;
  std::vector<std::byte> params;
  Action action;
  // As the application said it, for those who ask a graph's node.
  const Function* function = nullptr;  ///< kKernel
  uint64_t to = 0;                     ///< copies and memsets: addresses
  uint64_t from = 0;
  uint32_t unit = 1;  ///< memsets: bytes of an element
};

struct Graph;

/// One node of a graph.
struct GraphNode {
  Graph* graph = nullptr;
  cuda::GraphNodeType type = cuda::GraphNodeType::kEmpty;
  std::set<GraphNode*> after;  ///< the nodes that it waits for
  std::vector<Node> work;      ///< what it does, in order: several for memory operations
  std::vector<cuda::BatchMemoryOp> operations;  ///< kBatchMemoryOp: as given
  std::vector<void*> parameters;                ///< kKernel: what getting its parameters points to
};

struct Graph {
  std::vector<std::unique_ptr<GraphNode>> nodes;  ///< in the order in which they were added
  std::map<const GraphNode*, GraphNode*> clones;  ///< of a clone: its node for the original's
};

struct Stream;

/// A stream capture under way; shared by all streams that were drawn into it.
struct Capture {
  Stream* origin = nullptr;
  cuda::CaptureMode mode{};
  std::thread::id thread;
  bool invalid = false;
  std::unique_ptr<Graph> own;  ///< null: the capture goes on with the application's graph
  Graph* graph = nullptr;
  std::set<Stream*> streams;
};

struct Stream {
  Context* context = nullptr;
  uint32_t id = 0;       ///< the server's; 0 until first used
  bool blocking = true;  ///< synchronises with the legacy default stream
  int priority = 0;
  uint64_t last_op = 0;
  uint64_t number = 0;  ///< as cuStreamGetId tells it; 0 until asked
  std::shared_ptr<Capture> capture;
  std::set<GraphNode*> captured;  ///< what the next captured node waits for
};

struct Event {
  unsigned flags = 0;
  std::shared_ptr<Stamp> stamp;    ///< of the latest record; null before the first
  std::weak_ptr<Capture> capture;  ///< recorded inside this capture
  std::set<GraphNode*> captured;   ///< behind these nodes
};

struct Function {
  std::string name;
  wire::KernelInfo info;
  std::vector<PtxParameter> parameters;
  int max_dynamic_shared = 48 * 1024;
};

struct Module {
  Context* context = nullptr;
  bool is_ptx = false;
  PtxModule ptx;
  std::map<std::string, std::unique_ptr<Function>> functions;
};

struct Pool {
  cuda::Device device = 0;
  bool is_default = false;
  std::array<uint64_t, 5> attributes{0, 1, 1, 1, 0};  ///< by cuda::PoolAttribute
};

struct GraphExec {
  /// A node as it was when the graph was instantiated, or as it was set since.
  struct Part {
    const GraphNode* node = nullptr;  ///< of the graph: perhaps gone, never looked into
    cuda::GraphNodeType type{};
    std::vector<Node> work;
    bool enabled = true;
  };
  Context* context = nullptr;
  uint64_t flags = 0;
  uint32_t id = 0;                                 ///< the server's
  bool changed = false;                            ///< since the server got it
  std::vector<Part> parts;                         ///< in the order in which they run
  std::shared_ptr<const std::vector<Node>> nodes;  ///< their work, as the server has it
};

struct Context {
  uint32_t id = 0;  ///< the server's
  cuda::Device device = 0;
  unsigned flags = 0;
  int primary_users = 0;
  bool primary = false;
  cuda::Code sticky = cuda::Code::kSuccess;  ///< the fault that ended it
  std::vector<uint32_t> channel_groups;      ///< handles of the device calls that made them
  Stream legacy;
  std::map<std::thread::id, Stream> per_thread;
  std::set<Stream*> streams;  ///< those made by cuStreamCreate
};

}  // namespace corun::simgpu::driver
