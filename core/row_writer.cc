#include "core/row_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/environment.h"
#include "core/wait.h"

namespace corun {

namespace {

// Three figures of at most 24 characters each: a line stays far below kMaxRowLine.
constexpr size_t kRequestsPerLine = 8192;

/// A path, or the number of a descriptor that the parent left open.
Result<Fd> open_end(const std::string& value, int flags, const char* variable) {
  int number = -1;
  const auto [rest, code] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = code == std::errc() && rest == value.data() + value.size();
  // A copy, so that the writer owns what it closes.
  Fd fd(is_number ? fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                  : open(value.c_str(), flags | O_CLOEXEC));
  if (fd) return fd;
  return usage_error(
      "cannot open " + std::string(variable) + "=" + value + ": " + std::strerror(errno),
      "unset it to run without corun");
}

RequestsMessage slice(const RequestsMessage& all, size_t from, size_t count) {
  const auto part = [&](const std::vector<double>& values) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(from);
    return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(count));
  };
  return {all.window, part(all.scheduled_us), part(all.start_us), part(all.end_us)};
}

Status write_line(int fd, std::string line) {
  line += '\n';
  for (size_t done = 0; done < line.size();) {
    const ssize_t n = write(fd, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(std::string("cannot write a row: ") + std::strerror(errno));
    done += static_cast<size_t>(n);
  }
  return {};
}

}  // namespace

Result<RowWriter> RowWriter::from_environment() {
  return open(environment(kEnvRows), environment(kEnvControl));
}

Result<RowWriter> RowWriter::open(std::optional<std::string> rows,
                                  std::optional<std::string> control) {
  RowWriter writer;
  if (!rows) return writer;
  CORUN_ASSIGN(writer.rows_, open_end(*rows, O_WRONLY, kEnvRows));
  if (control) {
    CORUN_ASSIGN(writer.control_, open_end(*control, O_RDONLY, kEnvControl));
  }
  return writer;
}

Status RowWriter::write(const Message& message) {
  if (!speaking()) return {};
  const auto* requests = std::get_if<RequestsMessage>(&message);
  const size_t entries = requests == nullptr ? 0 : requests->scheduled_us.size();
  if (entries <= kRequestsPerLine) return write_line(rows_.get(), to_line(message));
  for (size_t from = 0; from < entries; from += kRequestsPerLine) {
    const size_t count = std::min(kRequestsPerLine, entries - from);
    CORUN_TRY(write_line(rows_.get(), to_line(Message(slice(*requests, from, count)))));
  }
  return {};
}

Result<std::optional<Command>> RowWriter::next_command(Nanos timeout) {
  const Instant deadline = monotonic_now() + std::min<Nanos>(timeout, std::chrono::hours(10'000));
  while (true) {
    if (const size_t end = partial_.find('\n'); end != std::string::npos) {
      const std::string line = partial_.substr(0, end);
      partial_.erase(0, end + 1);
      CORUN_ASSIGN(const Command command, parse_command(line));
      return std::optional<Command>(command);
    }
    if (!control_ || ended_) return std::optional<Command>(StopCommand{});
    const int fd = control_.get();
    if (!wait_readable({&fd, 1}, deadline)[0]) {
      if (monotonic_now() >= deadline) return std::optional<Command>();
      continue;
    }
    char bytes[4096];
    const ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0) partial_.append(bytes, static_cast<size_t>(n));
    if (n == 0) ended_ = true;
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
      return failed(std::string("cannot read commands: ") + std::strerror(errno));
    }
    if (partial_.size() > kMaxRowLine) return failed("a command is longer than 1 MiB");
  }
}

}  // namespace corun
