// Batches made ahead by worker threads, handed out in the order of the samples.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "workloads/training/data/sample_source.h"

namespace corun::training {

/// Host memory of so many bytes; it frees itself. May be pinned, for copies that overlap.
using HostMemory = std::shared_ptr<std::byte>;
using HostAllocator = std::function<HostMemory(size_t bytes)>;

struct Batch {
  uint64_t index = 0;  ///< 0 is the loader's first one
  size_t samples = 0;
  std::span<std::byte> input;
  std::span<int64_t> target;
};

struct LoaderOptions {
  size_t batch = 1;           ///< samples
  size_t workers = 1;         ///< threads
  size_t ahead = 4;           ///< batches that exist at once, with those that are handed out
  uint64_t first_sample = 0;  ///< number of the first batch's first one
};

class Loader {
 public:
  /// `source` outlives it.
  Loader(const SampleSource& source, const LoaderOptions& options, const HostAllocator& allocate);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch, once it is made; valid until give_back().
  /// Precondition: fewer than `ahead` are handed out.
  const Batch& next();
  /// The oldest batch that is handed out may be written again.
  void give_back();
  /// Times that next() had to wait: the workers are too slow.
  uint64_t waits() const;

 private:
  struct Slot {
    HostMemory input;
    HostMemory target;
    Batch batch;
    bool ready = false;  // guarded by mutex_
  };
  void work();

  const SampleSource& source_;
  const LoaderOptions options_;
  std::vector<Slot> slots_;  ///< batch k is in slot k modulo their number
  mutable std::mutex mutex_;
  std::condition_variable made_;
  std::condition_variable room_;
  // Guarded by mutex_: batches that were begun, handed out, and given back.
  uint64_t begun_ = 0;
  uint64_t handed_out_ = 0;
  uint64_t given_back_ = 0;
  uint64_t waits_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace corun::training
