#include "workloads/inference/load/server_address.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "core/wait.h"
#include "workloads/inference/load/response_reader.h"

namespace corun::inference {

namespace {

constexpr Nanos kConnectTime = std::chrono::seconds(5);

Error refused(const std::string& authority, int code) {
  return failed(fmt::format("cannot connect to {}: {}", authority, std::strerror(code)));
}

/// Waits until a connection that was begun is there.
int wait_connected(int fd) {
  pollfd waited{fd, POLLOUT, 0};
  const int timeout_ms = static_cast<int>(to_millis(kConnectTime));
  if (poll(&waited, 1, timeout_ms) <= 0) return ETIMEDOUT;
  int code = 0;
  socklen_t size = sizeof code;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size);
  return code;
}

}  // namespace

Result<ServerAddress> ServerAddress::resolve(std::string_view url) {
  const Error wrong =
      usage_error(fmt::format("'{}' is no URL of a server", url), "use http://HOST:PORT");
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return wrong;
  std::string_view rest = url.substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong;
  uint16_t port = 0;
  const char* const end = rest.data() + rest.size();
  const auto [last, code] = std::from_chars(rest.data() + colon + 1, end, port);
  if (code != std::errc() || last != end || port == 0) return wrong;

  const std::string host(rest.substr(0, colon));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failure != 0) return failed(fmt::format("host '{}': {}", host, gai_strerror(failure)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  ServerAddress endpoint;
  endpoint.authority_ = rest;
  std::memcpy(&endpoint.address_, found->ai_addr, found->ai_addrlen);
  endpoint.size_ = found->ai_addrlen;
  return endpoint;
}

Result<Fd> ServerAddress::connect() const {
  Fd fd(socket(address_.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return refused(authority_, errno);
  const int one = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), size_) == 0) return fd;
  if (errno != EINPROGRESS) return refused(authority_, errno);
  if (const int code = wait_connected(fd.get()); code != 0) return refused(authority_, code);
  return fd;
}

Result<Fetched> fetch(const ServerAddress& endpoint, std::string_view path, Nanos timeout) {
  CORUN_ASSIGN(const Fd fd, endpoint.connect());
  const std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", path, endpoint.authority());
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return refused(endpoint.authority(), errno);
  }
  const Instant give_up = monotonic_now() + timeout;
  ResponseReader reader;
  char bytes[16384];
  while (monotonic_now() < give_up) {
    const int waited = fd.get();
    if (!wait_readable({&waited, 1}, give_up)[0]) continue;
    const ssize_t n = recv(fd.get(), bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) return refused(endpoint.authority(), errno);
    bool whole = n == 0 && reader.finish();
    if (n > 0) {
      CORUN_ASSIGN(whole, reader.add({bytes, static_cast<size_t>(n)}));
    }
    if (whole) return Fetched{reader.status(), reader.body()};
    if (n == 0) return failed(endpoint.authority() + " ended the connection amid its answer");
  }
  return failed(fmt::format("no answer from {}{}", endpoint.authority(), path));
}

Result<uint16_t> free_port() {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (!fd || bind(fd.get(), generic, size) != 0 || getsockname(fd.get(), generic, &size) != 0) {
    return failed(std::string("no free port: ") + std::strerror(errno));
  }
  return ntohs(address.sin_port);
}

}  // namespace corun::inference
