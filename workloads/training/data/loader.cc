#include "workloads/training/data/loader.h"

#include "core/check.h"

namespace corun::training {

Loader::Loader(const SampleSource& source, const LoaderOptions& options,
               const HostAllocator& allocate)
    : source_(source), options_(options), slots_(options.ahead) {
  const size_t input_bytes = options.batch * source.input_bytes();
  const size_t targets = options.batch * source.target_count();
  for (Slot& slot : slots_) {
    slot.input = allocate(input_bytes);
    slot.target = allocate(targets * sizeof(int64_t));
    slot.batch.samples = options.batch;
    slot.batch.input = {slot.input.get(), input_bytes};
    slot.batch.target = {reinterpret_cast<int64_t*>(slot.target.get()), targets};
  }
  for (size_t i = 0; i < options.workers; ++i) threads_.emplace_back([this] { work(); });
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  room_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Loader::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    room_.wait(lock, [this] { return ending_ || begun_ < given_back_ + slots_.size(); });
    if (ending_) return;
    const uint64_t index = begun_++;
    Slot& slot = slots_[index % slots_.size()];
    lock.unlock();
    const size_t bytes = source_.input_bytes();
    const size_t targets = source_.target_count();
    for (size_t i = 0; i < options_.batch; ++i) {
      source_.read(options_.first_sample + index * options_.batch + i,
                   slot.batch.input.subspan(i * bytes, bytes),
                   slot.batch.target.subspan(i * targets, targets));
    }
    lock.lock();
    slot.batch.index = index;
    slot.ready = true;
    made_.notify_one();
  }
}

const Batch& Loader::next() {
  std::unique_lock lock(mutex_);
  CORUN_CHECK(handed_out_ < given_back_ + slots_.size(), "a batch is given back before the next");
  Slot& slot = slots_[handed_out_ % slots_.size()];
  if (!slot.ready) ++waits_;
  made_.wait(lock, [&] { return slot.ready; });
  ++handed_out_;
  return slot.batch;
}

void Loader::give_back() {
  {
    const std::lock_guard lock(mutex_);
    CORUN_CHECK(given_back_ < handed_out_, "a batch is handed out");
    slots_[given_back_++ % slots_.size()].ready = false;
  }
  room_.notify_one();
}

uint64_t Loader::waits() const {
  const std::lock_guard lock(mutex_);
  return waits_;
}

}  // namespace corun::training
