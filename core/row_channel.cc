#include "core/row_channel.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/environment.h"

namespace corun {

namespace fs = std::filesystem;

namespace {

// So much a workload can write without waiting for a busy harness (where the system allows it).
constexpr int kFifoBytes = 1 << 20;

fs::path with_suffix(const fs::path& base, const char* suffix) { return base.string() + suffix; }

/// Makes a FIFO and opens it for reading and writing, so that opening never blocks, and neither end
/// of file nor SIGPIPE comes when the workload opens its end late or closes it.
Result<Fd> make_fifo(const fs::path& path) {
  unlink(path.c_str());
  if (mkfifo(path.c_str(), 0600) != 0) {
    return failed("cannot make the FIFO " + path.string() + ": " + std::strerror(errno));
  }
  Fd fd(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return failed("cannot open " + path.string() + ": " + std::strerror(errno));
  return fd;
}

}  // namespace

bool RateBound::take(double amount, Instant now) {
  const double earned = std::max(0.0, to_seconds(now - refilled_)) * per_second_;
  left_ = std::min(burst_, left_ + earned);
  refilled_ = std::max(refilled_, now);
  if (amount > left_) return false;
  left_ -= amount;
  return true;
}

RowBuffer::RowBuffer(RowLimits limits, Instant now)
    : limits_(limits),
      bytes_(limits.bytes_per_second, limits.burst_bytes, now),
      lines_(limits.lines_per_second, limits.burst_lines, now) {}

Status RowBuffer::charge(std::string_view bytes, Instant now) {
  total_ += bytes.size();
  if (!bytes_.take(static_cast<double>(bytes.size()), now)) {
    return failed(
        fmt::format("floods its row channel (above {:.0f} bytes/s)", limits_.bytes_per_second));
  }
  const auto lines = std::count(bytes.begin(), bytes.end(), '\n');
  if (!lines_.take(static_cast<double>(lines), now)) {
    return failed(
        fmt::format("floods its row channel (above {:.0f} lines/s)", limits_.lines_per_second));
  }
  if (total_ > limits_.total_bytes) {
    return failed(fmt::format("wrote more than {} bytes of rows", limits_.total_bytes));
  }
  return {};
}

Result<std::vector<Message>> RowBuffer::add(std::string_view bytes, Instant now) {
  const auto fail = [this](Error error) {
    partial_ = std::string();
    error_ = error;
    return error;
  };
  if (error_) return *error_;
  if (auto status = charge(bytes, now); !status) return fail(status.error());
  std::vector<Message> messages;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (partial_.size() + piece.size() > limits_.line_bytes) {
      const std::string start = (partial_ + std::string(piece.substr(0, 40))).substr(0, 40);
      return fail(failed("a row is longer than " + std::to_string(limits_.line_bytes) +
                         " bytes: " + start + "..."));
    }
    partial_ += piece;
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    if (partial_.find_first_not_of(" \t\r") != std::string::npos) {
      auto message = parse_message(partial_);
      if (!message) return fail(message.error());
      messages.push_back(std::move(message).value());
    }
    partial_.clear();
  }
  return messages;
}

Status RowBuffer::finish() {
  if (error_) return *error_;
  if (partial_.empty()) return {};
  error_ = failed("the last row is cut off: " + partial_.substr(0, 200));
  partial_ = std::string();
  return *error_;
}

Result<RowChannel> RowChannel::create(const fs::path& dir, const std::string& workload, Instant now,
                                      RowLimits limits) {
  RowChannel channel(workload, dir / workload, limits, now);
  CORUN_ASSIGN(channel.rows_, make_fifo(with_suffix(channel.base_, ".rows")));
  fcntl(channel.rows_.get(), F_SETPIPE_SZ, kFifoBytes);
  CORUN_ASSIGN(channel.control_, make_fifo(with_suffix(channel.base_, ".control")));
  return channel;
}

RowChannel::RowChannel(std::string workload, fs::path base, RowLimits limits, Instant now)
    : workload_(std::move(workload)), base_(std::move(base)), buffer_(limits, now) {}

RowChannel::RowChannel(RowChannel&& other) noexcept
    : workload_(std::move(other.workload_)),
      base_(std::exchange(other.base_, {})),
      rows_(std::move(other.rows_)),
      control_(std::move(other.control_)),
      buffer_(std::move(other.buffer_)) {}

RowChannel& RowChannel::operator=(RowChannel&& other) noexcept {
  std::swap(workload_, other.workload_);
  std::swap(base_, other.base_);
  std::swap(rows_, other.rows_);
  std::swap(control_, other.control_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

RowChannel::~RowChannel() {
  if (base_.empty()) return;
  unlink(with_suffix(base_, ".rows").c_str());
  unlink(with_suffix(base_, ".control").c_str());
}

std::map<std::string, std::string> RowChannel::environment() const {
  return {{kEnvRows, with_suffix(base_, ".rows").string()},
          {kEnvControl, with_suffix(base_, ".control").string()},
          {kEnvWorkload, workload_}};
}

Result<size_t> RowChannel::read_once(Instant now, std::vector<Message>* messages) {
  char bytes[64 * 1024];
  const ssize_t n = ::read(rows_.get(), bytes, sizeof bytes);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return size_t{0};
  const size_t size = n > 0 ? static_cast<size_t>(n) : 0;
  auto added = n < 0 ? Result<std::vector<Message>>(failed(std::strerror(errno)))
                     : buffer_.add({bytes, size}, now);
  if (!added) {
    rows_.reset();
    return failed("workload " + workload_ + ": " + added.error().what);
  }
  std::move(added->begin(), added->end(), std::back_inserter(*messages));
  return size;
}

Result<std::vector<Message>> RowChannel::read(Instant now) {
  std::vector<Message> messages;
  CORUN_ASSIGN([[maybe_unused]] const size_t bytes, read_once(now, &messages));
  return messages;
}

Result<std::vector<Message>> RowChannel::drain(Instant now) {
  std::vector<Message> messages;
  while (true) {
    CORUN_ASSIGN(const size_t n, read_once(now, &messages));
    if (n == 0) break;
  }
  if (auto status = buffer_.finish(); !status) {
    rows_.reset();
    return failed("workload " + workload_ + ": " + status.error().what);
  }
  return messages;
}

Status RowChannel::send(const Command& command) {
  const std::string line = to_line(command) + "\n";
  // Shorter than PIPE_BUF, so the FIFO takes it whole or not at all.
  if (write(control_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    return {};
  }
  return failed("workload " + workload_ + " does not read its commands: " + std::strerror(errno));
}

}  // namespace corun
