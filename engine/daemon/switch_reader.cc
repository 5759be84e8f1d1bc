#include "engine/daemon/switch_reader.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "core/clock.h"
#include "core/log.h"
#include "core/wait.h"

namespace corun::daemon {

namespace {

constexpr Nanos kOften = std::chrono::milliseconds(100);
constexpr Nanos kSeldom = std::chrono::seconds(1);
constexpr size_t kMostRecords = 8 * size_t{gpu::SwitchBuffer::kRecords};

void wake(int fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(fd, &one, sizeof one);
}

}  // namespace

SwitchReader::SwitchReader(gpu::SwitchBuffer buffer)
    : buffer_(std::move(buffer)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::jthread([this] { run(); });
}

SwitchReader::~SwitchReader() {
  stop_ = true;
  wake(wake_.get());
}

void SwitchReader::set_wanted(bool wanted) {
  if (wanted_.exchange(wanted) != wanted) wake(wake_.get());
}

Result<std::vector<gpu::SwitchBatch>> SwitchReader::take() {
  const std::lock_guard lock(mutex_);
  if (error_) return *error_;
  records_ = 0;
  return std::exchange(batches_, {});
}

/// Readings that nobody takes are not kept for ever: what would be too much counts as lost.
void SwitchReader::keep(gpu::SwitchBatch batch) {
  const std::lock_guard lock(mutex_);
  if (records_ + batch.records.size() > kMostRecords) {
    batch.lost += batch.records.size();
    batch.records.clear();
  }
  records_ += batch.records.size();
  if (batch.records.empty() && !batches_.empty()) {
    batches_.back().lost += batch.lost;
    batches_.back().read_at = batch.read_at;
  } else {
    batches_.push_back(std::move(batch));
  }
}

void SwitchReader::run() {
  while (!stop_) {
    auto batch = buffer_.read();
    if (!batch) {
      log::warn("context switches are read no more: {}", batch.error().text());
      const std::lock_guard lock(mutex_);
      error_ = batch.error();
      return;
    }
    keep(std::move(*batch));
    const int fd = wake_.get();
    if (wait_readable({&fd, 1}, monotonic_now() + (wanted_ ? kOften : kSeldom))[0]) {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t n = read(fd, &count, sizeof count);
    }
  }
}

}  // namespace corun::daemon
