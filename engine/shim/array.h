// An array of plain values without the C++ library, which libcorun.so does not have.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <type_traits>

namespace corun::shim {

template <class T>
class Array {
  static_assert(std::is_trivially_destructible_v<T>, "its elements are only freed");

 public:
  /// `count` zero elements; without memory for them data() is null.
  // NOLINTNEXTLINE(bugprone-sizeof-expression): of pointers too
  explicit Array(size_t count) : data_(static_cast<T*>(calloc(count + 1, sizeof(T)))) {}
  ~Array() { free(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() const { return data_; }
  T& operator[](size_t index) const { return data_[index]; }
  /// The memory, to be freed by the caller.
  T* release() {
    T* data = data_;
    data_ = nullptr;
    return data;
  }

 private:
  T* data_;
};

}  // namespace corun::shim
