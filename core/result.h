// Result<T>: a value or an Error, with the names of std::expected, for everything that can happen
// at run time (user input, driver, files, processes). What must not happen is CHECKed
// (core/check.h).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "core/check.h"

namespace corun {

/// What kind of failure this is; it decides the exit code (core/exit_code.h).
enum class ErrorKind {
  kFailed,       ///< it was tried and went wrong (exit code 1)
  kUsage,        ///< the user's input is wrong (exit code 2)
  kUnsupported,  ///< this node cannot do it (exit code 3)
};

/// One failure, printed as `corun: error: <what>; <todo>`.
struct Error {
  ErrorKind kind = ErrorKind::kFailed;
  std::string what;  ///< what went wrong, and where
  std::string todo;  ///< what the user can do; may be empty

  /// `what; todo` (or only `what`).
  std::string text() const { return todo.empty() ? what : what + "; " + todo; }
};

inline Error failed(std::string what, std::string todo = {}) {
  return {ErrorKind::kFailed, std::move(what), std::move(todo)};
}
inline Error usage_error(std::string what, std::string todo = {}) {
  return {ErrorKind::kUsage, std::move(what), std::move(todo)};
}
inline Error unsupported(std::string what, std::string todo = {}) {
  return {ErrorKind::kUnsupported, std::move(what), std::move(todo)};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    CORUN_CHECK(has_value(), error().text());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CORUN_CHECK(has_value(), error().text());
    return std::get<0>(state_);
  }
  T&& value() && {
    CORUN_CHECK(has_value(), error().text());
    return std::get<0>(std::move(state_));
  }
  T value_or(T fallback) && {
    return has_value() ? std::get<0>(std::move(state_)) : std::move(fallback);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// The failure. Precondition: !has_value().
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  void value() const { CORUN_CHECK(has_value(), error_->text()); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace corun

/// Returns the error of `expr` from the calling function, or goes on.
#define CORUN_TRY(expr)                                      \
  do {                                                       \
    if (auto corun_try_status = (expr); !corun_try_status) { \
      return corun_try_status.error();                       \
    }                                                        \
  } while (false)

#define CORUN_CONCAT_INNER(a, b) a##b
#define CORUN_CONCAT(a, b) CORUN_CONCAT_INNER(a, b)
/// CORUN_ASSIGN(auto x, f()): x is f()'s value, or the calling function returns f()'s error.
#define CORUN_ASSIGN(decl, expr) \
  CORUN_ASSIGN_IMPL(CORUN_CONCAT(corun_assign_, __LINE__), decl, expr)
#define CORUN_ASSIGN_IMPL(tmp, decl, expr) \
  auto tmp = (expr);                       \
  if (!tmp) return tmp.error();            \
  decl = std::move(tmp).value()
