// Ownership of one object of the driver.
#pragma once

#include <utility>

#include "gpu/driver.h"

namespace corun::gpu {

/// Owns `Handle` and gives it back to the driver with the function `Release`, a member of the
/// table, at the end of its life. The driver must outlive it, and the object's context must still
/// exist. A failing release is not reported: nothing can be done about it there.
template <typename Handle, auto Release>
class Owned {
 public:
  Owned() = default;
  Owned(const Driver& driver, Handle handle) : driver_(&driver), handle_(handle) {}
  Owned(Owned&& other) noexcept
      : driver_(other.driver_), handle_(std::exchange(other.handle_, Handle{})) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(driver_, other.driver_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (handle_ != Handle{}) (driver_->*Release)(handle_);
  }

  Handle get() const { return handle_; }
  /// Precondition: constructed with a driver.
  const Driver& driver() const { return *driver_; }

 private:
  const Driver* driver_ = nullptr;
  Handle handle_{};
};

}  // namespace corun::gpu
