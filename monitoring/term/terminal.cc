#include "monitoring/term/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "core/wait.h"

namespace corun::monitoring {

namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr auto kRestOfSequence = std::chrono::milliseconds(50);

/// Signals that end a program at once: the terminal is given back first.
constexpr std::array kFatal{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};

// For the handler below, which can be given nothing.
termios g_before;
std::array<struct sigaction, kFatal.size()> g_fatal_before;
struct sigaction g_winch_before;

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
}

void give_back() {
  write_all(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
}

void on_fatal(int signal_number) {
  give_back();
  ::raise(signal_number);  // SA_RESETHAND: now it does what it does
}

void on_new_size(int) {}  // only ends the wait for keys

void take() {
  termios raw = g_before;
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL | INLCR | IGNCR | ISTRIP);
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all(kEnter);
}

}  // namespace

Result<Terminal> Terminal::open() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0 ||
      ::tcgetattr(STDIN_FILENO, &g_before) != 0) {
    return usage_error("this is not a terminal", "use corun top --once, or --json");
  }
  struct sigaction fatal {};
  fatal.sa_handler = on_fatal;
  fatal.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (size_t i = 0; i < kFatal.size(); ++i) ::sigaction(kFatal[i], &fatal, &g_fatal_before[i]);
  struct sigaction winch {};
  winch.sa_handler = on_new_size;
  ::sigaction(SIGWINCH, &winch, &g_winch_before);
  take();
  return Terminal();
}

Terminal::Terminal(Terminal&& other) noexcept
    : bytes_(std::move(other.bytes_)), hung_up_(other.hung_up_) {
  other.owned_ = false;
}

Terminal::~Terminal() {
  if (!owned_) return;
  give_back();
  ::sigaction(SIGWINCH, &g_winch_before, nullptr);
  for (size_t i = 0; i < kFatal.size(); ++i) ::sigaction(kFatal[i], &g_fatal_before[i], nullptr);
}

Size Terminal::size() const {
  winsize told{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &told) != 0 || told.ws_col == 0 || told.ws_row == 0) {
    return {};
  }
  return {told.ws_col, told.ws_row};
}

void Terminal::show(const std::vector<Line>& lines, bool color) const {
  const size_t columns = size().columns;
  std::string out = "\x1b[?2026h\x1b[H";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\r\n";
    out += lines[i].ansi(color);
    // After a full line the cursor still stands on its last column, which this would erase.
    if (lines[i].width() < columns) out += "\x1b[K";
  }
  write_all(out + "\x1b[?2026l");
}

std::vector<Key> Terminal::keys(Instant deadline, int other_fd) {
  const std::array fds{STDIN_FILENO, other_fd};
  const bool partly = !bytes_.empty();
  const Instant until = partly ? std::min(deadline, monotonic_now() + kRestOfSequence) : deadline;
  if (wait_readable(fds, until)[0]) {
    std::array<char, 256> buffer;
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) hung_up_ = true;
    if (got > 0) bytes_.append(buffer.data(), static_cast<size_t>(got));
    return take_keys(bytes_, false);
  }
  return take_keys(bytes_, partly);
}

void Terminal::suspend() {
  give_back();
  ::raise(SIGSTOP);
  take();
}

}  // namespace corun::monitoring
