#include "engine/daemon/rescue.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <utility>

namespace corun::daemon {

namespace {

constexpr size_t kMostText = 512;

using Text = std::array<char, kMostText>;

bool copy(const std::string& text, Text& to) {
  if (text.size() >= to.size()) return false;
  std::copy(text.begin(), text.end(), to.begin());
  to[text.size()] = '\0';
  return true;
}

/// Appends a decimal number: without the C library's formatting, which may take locks.
char* append(char* to, uint64_t value) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (count > 0) *to++ = digits[--count];
  return to;
}

}  // namespace

struct Rescue::Memory {
  std::atomic<bool> placed{false};
  Text program{};
  Text gpu{};
  Text socket{};
  std::atomic<uint32_t> count{0};
  std::array<std::atomic<int32_t>, kMostProcesses> pid{};
  std::array<std::atomic<uint64_t>, kMostProcesses> start{};
  std::array<std::atomic<uint64_t>, kMostProcesses> bytes{};
};

Result<Rescue> Rescue::create() {
  void* memory =
      mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return failed(std::string("cannot map the rescue's memory: ") + std::strerror(errno));
  }
  return Rescue(new (memory) Memory);
}

Rescue::Rescue(Rescue&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}

Rescue::~Rescue() {
  if (memory_ != nullptr) munmap(memory_, sizeof(Memory));
}

void Rescue::set_place(const std::filesystem::path& program, const std::string& gpu_uuid,
                       const std::filesystem::path& control_socket) {
  const bool fits = copy(program.string(), memory_->program) && copy(gpu_uuid, memory_->gpu) &&
                    copy(control_socket.string(), memory_->socket);
  memory_->placed.store(fits, std::memory_order_release);
}

void Rescue::set(std::span<const Entry> entries) {
  const size_t count = std::min(entries.size(), kMostProcesses);
  // Nobody is missed while they are written: a helper that is given one too many finds it running.
  for (size_t i = 0; i < count; ++i) {
    memory_->pid[i].store(entries[i].pid, std::memory_order_relaxed);
    memory_->start[i].store(entries[i].start_ticks, std::memory_order_relaxed);
    memory_->bytes[i].store(entries[i].bytes, std::memory_order_relaxed);
  }
  memory_->count.store(static_cast<uint32_t>(count), std::memory_order_release);
}

std::vector<Rescue::Entry> Rescue::entries() const {
  std::vector<Entry> all(memory_->count.load(std::memory_order_acquire));
  for (size_t i = 0; i < all.size(); ++i) {
    all[i] = {memory_->pid[i].load(std::memory_order_relaxed),
              memory_->start[i].load(std::memory_order_relaxed),
              memory_->bytes[i].load(std::memory_order_relaxed)};
  }
  return all;
}

void Rescue::start_helper() const {
  const size_t count =
      std::min<size_t>(memory_->count.load(std::memory_order_acquire), kMostProcesses);
  if (count == 0 || !memory_->placed.load(std::memory_order_acquire)) return;
  static char numbers[kMostProcesses][64];
  static char* arguments[kMostProcesses + 8];
  static char rescue[] = "rescue";
  static char gpu[] = "--gpu";
  static char socket[] = "--until-daemon";
  size_t next = 0;
  for (char* fixed : {memory_->program.data(), rescue, gpu, memory_->gpu.data(), socket,
                      memory_->socket.data()}) {
    arguments[next++] = fixed;
  }
  for (size_t i = 0; i < count; ++i) {
    char* at =
        append(numbers[i],
               static_cast<uint64_t>(std::max(0, memory_->pid[i].load(std::memory_order_relaxed))));
    *at++ = ':';
    at = append(at, memory_->start[i].load(std::memory_order_relaxed));
    *at++ = ':';
    *append(at, memory_->bytes[i].load(std::memory_order_relaxed)) = '\0';
    arguments[next++] = numbers[i];
  }
  arguments[next] = nullptr;
  if (fork() != 0) return;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(arguments[0], arguments);
  _exit(127);
}

}  // namespace corun::daemon
