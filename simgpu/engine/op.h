// What a program can submit to a stream of the simulated GPU, and what comes back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "simgpu/engine/ids.h"

namespace corun::simgpu {

/// A kernel as the device sees it: equal blocks that are placed on SMs as room becomes free.
struct KernelWork {
  uint64_t blocks = 1;           ///< blocks of the grid
  uint32_t blocks_per_sm = 1;    ///< how many of them fit on one SM at a time
  Nanos block_time{0};           ///< how long one block runs when memory bandwidth is not short
  uint64_t dram_bytes = 0;       ///< device memory traffic of the whole grid
  bool illegal_address = false;  ///< ends in a fault instead of a result
};

enum class CopyDirection { kHostToDevice, kDeviceToHost };

/// A copy over PCIe by a copy engine. Copies of several contexts share an engine evenly; those of
/// one context follow one another.
struct CopyWork {
  CopyDirection direction = CopyDirection::kHostToDevice;
  uint64_t bytes = 0;
};

/// A memset or a copy inside device memory; it runs on the SMs like a kernel.
struct DeviceMemoryWork {
  uint64_t dram_bytes = 0;  ///< bytes read plus bytes written
};

/// Takes no time: a marker whose completion is an event, or the target of a WaitWork.
struct MarkWork {};

/// Holds the stream until another operation is done (cuStreamWaitEvent). An operation that is done
/// already, or whose stream is gone, holds nothing.
struct WaitWork {
  OpId op;
};

/// Something outside the device (a host function): announced by a Completion of kind kReached when
/// the stream gets there, done when Device::resume() is called.
struct HostWork {};

/// A word of memory outside the engine, in the address space of whoever submits the work.
struct Word {
  uint64_t owner = 0;    ///< whose address space: means something to Words alone
  uint64_t address = 0;  ///< aligned to the word's size
  bool wide = false;     ///< 64 bits instead of 32
};

/// When a word passes against the value given (cuStreamWaitValue32): cyclic >=, ==, any bit in
/// common, any bit that neither has.
enum class WordTest { kGreaterOrEqual, kEqual, kAnd, kNor };
bool passes(uint64_t word, uint64_t value, WordTest test, bool wide);

/// Holds the stream until the word passes. A stream that it holds has no work: a group without
/// other work gives the GPU away.
///
/// With `holds_for` it is a kernel instead that polls the word: its group has work meanwhile. It
/// also ends that long after it began, or after it last saw the 32-bit word behind `word` change.
struct WordWaitWork {
  Word word;
  uint64_t value = 0;
  WordTest test = WordTest::kEqual;
  Nanos holds_for{0};
};

/// Writes the word.
struct WordWriteWork {
  Word word;
  uint64_t value = 0;
};

/// The memory behind words, as the engine's owner reaches it. Other processors write there too.
class Words {
 public:
  virtual ~Words() = default;
  /// Nothing, or false: the address is not there (or not writable); the context faults.
  virtual std::optional<uint64_t> read(const Word& word) = 0;
  virtual bool write(const Word& word, uint64_t value) = 0;
};

using GraphNode = std::variant<KernelWork, CopyWork, DeviceMemoryWork, MarkWork, HostWork,
                               WordWaitWork, WordWriteWork>;

/// A graph launch: its nodes run one after another in the given (topological) order.
struct GraphWork {
  std::shared_ptr<const std::vector<GraphNode>> nodes;
};

using Work = std::variant<KernelWork, CopyWork, DeviceMemoryWork, MarkWork, WaitWork, HostWork,
                          WordWaitWork, WordWriteWork, GraphWork>;

enum class CompletionKind {
  kDone,
  kReached,  ///< a HostWork waits for Device::resume()
  kFailed,   ///< the context is broken (illegal address); the operation did not run to its end
};

struct Completion {
  OpId op;
  uint64_t tag = 0;  ///< as given to submit()
  CompletionKind kind = CompletionKind::kDone;
  uint32_t node = 0;  ///< kReached inside a graph: the node's index
  ContextId context;
  Instant started;  ///< when the device began it
  Instant at;       ///< when it was done
};

}  // namespace corun::simgpu
