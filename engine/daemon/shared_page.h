// A page of memory that the daemon shares with workloads: a memfd of its own, of a fixed size.
#pragma once

#include <new>

#include "core/fd.h"
#include "core/result.h"

namespace corun::daemon {

/// One zeroed page. Sealed against any change of its size, so that nobody who holds a descriptor
/// can make this process take a SIGBUS.
class SharedPage {
 public:
  static Result<SharedPage> create(const char* name);
  SharedPage(SharedPage&& other) noexcept;
  SharedPage& operator=(SharedPage&& other) noexcept;
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  ~SharedPage();

  /// The page as a T that is constructed in it; T fits a page and has no destructor.
  template <typename T>
  T* construct() {
    return new (memory_) T{};
  }
  /// A descriptor for reading and writing; lent.
  int descriptor() const { return fd_.get(); }
  /// A descriptor for reading only. Users other than the daemon's cannot reopen it for writing.
  Result<Fd> read_only() const;
  /// Gives up the descriptor; the memory stays.
  void close_descriptor() { fd_.reset(); }

 private:
  SharedPage(Fd fd, void* memory) : fd_(std::move(fd)), memory_(memory) {}

  Fd fd_;
  void* memory_;
};

}  // namespace corun::daemon
