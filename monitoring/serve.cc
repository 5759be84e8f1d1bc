#include "monitoring/serve.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>

#include "core/environment.h"
#include "core/fd.h"
#include "core/files.h"
#include "core/log.h"
#include "http/server.h"
#include "monitoring/answers.h"
#include "monitoring/api.h"
#include "monitoring/player.h"
#include "monitoring/prometheus.h"
#include "monitoring/recorder.h"

namespace corun::monitoring {

namespace {

constexpr Nanos kStopGrace = std::chrono::seconds(2);
constexpr size_t kMostConnections = 1024;
/// What a viewer that stalls holds of the kernel's memory before snapshots are dropped.
constexpr int kSendBuffer = 64 << 10;
constexpr size_t kMaxRequestBody = 64u << 10;
constexpr size_t kMostNewsWaiting = 1200;  ///< for a slow disk
constexpr size_t kShortestToken = 16;
constexpr double kForever = 1e12;
constexpr Nanos kMeasureHistoryEvery = std::chrono::seconds(30);

HistoryOptions history_options(const ServeOptions& options) {
  HistoryOptions history;
  history.file = options.history;
  if (!options.replay) return history;
  // A recording is kept whole.
  history.keep_raw = history.keep_second = history.keep_minute = history.keep_blocks = kForever;
  history.max_bytes_per_gpu = uint64_t{4} << 30;
  history.max_blocks_per_gpu = 20'000'000;
  history.max_events = 1'000'000;
  return history;
}

http::Options http_options(const ServeOptions& options) {
  http::Options http;
  http.address = options.address;
  http.port = options.port;
  http.max_connections = kMostConnections;
  http.limits.body_bytes = kMaxRequestBody;
  http.request_timeout = std::chrono::seconds(10);
  http.send_buffer_bytes = kSendBuffer;
  http.refusal = refusal_answer;
  http.port_option = "--listen";
  return http;
}

}  // namespace

Status parse_listen(const std::string& text, ServeOptions* options) {
  const size_t colon = text.rfind(':');
  const bool only_port = colon == std::string::npos;
  std::string address = only_port ? "" : text.substr(0, colon);
  const std::string port = only_port ? text : text.substr(colon + 1);
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), options->port);
  if (code != std::errc() || end != port.data() + port.size()) {
    return usage_error(fmt::format("--listen '{}' has no port", text),
                       "write for example 127.0.0.1:9797");
  }
  if (!address.empty()) options->address = address;
  if (options->address == "localhost") options->address = "127.0.0.1";
  return {};
}

Result<std::string> read_token(const std::filesystem::path& file) {
  CORUN_ASSIGN(std::string text, read_file(file));
  struct stat info {};
  if (stat(file.c_str(), &info) != 0 || (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return usage_error(fmt::format("others may read the token in {}", file.string()),
                       fmt::format("chmod 600 {}", file.string()));
  }
  text = text.substr(0, text.find_first_of("\r\n"));
  if (text.size() < kShortestToken) {
    return usage_error(
        fmt::format("the token in {} is shorter than {} characters", file.string(), kShortestToken),
        fmt::format("openssl rand -hex 32 > {}", file.string()));
  }
  return text;
}

void notify_systemd(const std::string& state) {
  const auto path = environment("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path || path->size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path->data(), path->size());
  const bool abstract = address.sun_path[0] == '@';
  if (abstract) address.sun_path[0] = '\0';
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path->size() + (abstract ? 0 : 1));
  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&address), length);
}

struct Serving::Parts {
  explicit Parts(const ServeOptions& given) : options(given) {}

  Status start(const std::shared_ptr<const gpu::Nvml>& nvml, const std::vector<GpuInfo>& gpus);
  Status start_source(const std::shared_ptr<const gpu::Nvml>& nvml,
                      const std::vector<GpuInfo>& gpus);
  Status start_server();
  void keep(const std::shared_ptr<const News>& news);
  std::string metrics(bool openmetrics);

  const ServeOptions options;
  // In the order of what uses what: each is gone before those above it.
  Board board;
  Tally tally;
  std::unique_ptr<History> history;
  std::unique_ptr<TaskQueue> keeping;  ///< feeds the history
  std::optional<Recording> recording;
  std::unique_ptr<Viewers> viewers;
  http::Metrics http_metrics;
  std::unique_ptr<Collector> collector;
  std::unique_ptr<Player> player;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<Api> api;
  http::Handler handler;
  std::unique_ptr<http::Server> server;
  int subscription = 0;
  uint64_t history_bytes = 0;  ///< of the thread of queries
  Instant history_due;
};

void Serving::Parts::keep(const std::shared_ptr<const News>& news) {
  tally.add(*news);
  if (recording) return;  // the history holds all of it
  keeping->add([this, news] { history->add(*news); });
}

std::string Serving::Parts::metrics(bool openmetrics) {
  const auto newest = board.newest();
  if (const Instant now = monotonic_now(); now >= history_due) {
    history_due = now + kMeasureHistoryEvery;
    history_bytes = history->used_bytes().value_or(0);
  }
  ExporterState state;
  if (collector) state.last_cycle_seconds = to_seconds(collector->last_cycle());
  state.viewers = viewers->counts().now;
  state.snapshots_sent = viewers->counts().sent;
  state.snapshots_dropped = viewers->counts().dropped;
  state.history_bytes = history_bytes;
  return prometheus_text(newest.get(), tally.counts(), state,
                         {.openmetrics = openmetrics, .dcgm_aliases = options.dcgm_aliases});
}

Status Serving::Parts::start_source(const std::shared_ptr<const gpu::Nvml>& nvml,
                                    const std::vector<GpuInfo>& gpus) {
  if (options.replay) {
    CORUN_ASSIGN(recording, Recording::read(*options.replay));
    if (recording->truncated()) {
      log::warn("{} was cut off; it is played up to the cut", options.replay->string());
    }
    CORUN_TRY(recording->fill(*history));
    player = std::make_unique<Player>(*recording, board);
    return {};
  }
  CollectorOptions collecting;
  collecting.hz = options.hz;
  collecting.version = options.version;
  collecting.find_daemon = options.find_daemon;
  collecting.engine_sockets.insert(collecting.engine_sockets.end(), options.engine_sockets.begin(),
                                   options.engine_sockets.end());
  collecting.first_event = history->next_event();
  collector = Collector::start(nvml, gpus, std::move(collecting), board);
  return {};
}

Status Serving::Parts::start_server() {
  ApiOptions api_options{options.host_names, options.token, options.results};
  ApiParts api_parts{board, *viewers, *history, {}, {}, {}};
  api_parts.metrics = [this](bool openmetrics) { return metrics(openmetrics); };
  if (collector) {
    api_parts.daemon_folder = [this](const std::string& gpu) {
      return collector->daemon_folder(gpu);
    };
  }
  if (player) {
    api_parts.replay = [this](const ReplayOrder& order) { return player->order(order); };
  }
  api = std::make_unique<Api>(std::move(api_options), std::move(api_parts));
  handler = [this](http::Request request, const std::shared_ptr<http::Exchange>& exchange) {
    api->handle(std::move(request), exchange);
  };
  CORUN_ASSIGN(server, http::Server::start(http_options(options), handler, http_metrics));
  return {};
}

Status Serving::Parts::start(const std::shared_ptr<const gpu::Nvml>& nvml,
                             const std::vector<GpuInfo>& gpus) {
  CORUN_ASSIGN(history, History::open(history_options(options)));
  keeping = std::make_unique<TaskQueue>(kMostNewsWaiting);
  viewers = std::make_unique<Viewers>(board);
  subscription = board.subscribe([this](const auto& news) { keep(news); });
  if (options.record) {
    CORUN_ASSIGN(recorder, Recorder::start(*options.record, board));
  }
  CORUN_TRY(start_source(nvml, gpus));
  return start_server();
}

Serving::Serving(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<Serving>> Serving::start(const ServeOptions& options,
                                                const std::shared_ptr<const gpu::Nvml>& nvml,
                                                const std::vector<GpuInfo>& gpus) {
  std::unique_ptr<Serving> serving(new Serving(std::make_unique<Parts>(options)));
  CORUN_TRY(serving->parts_->start(nvml, gpus));
  return serving;
}

Serving::~Serving() {
  Parts& parts = *parts_;
  if (parts.viewers) parts.viewers->stop();
  if (parts.server) parts.server->stop(kStopGrace);
  parts.collector.reset();
  parts.player.reset();
  parts.recorder.reset();
  if (parts.subscription != 0) parts.board.unsubscribe(parts.subscription);
  if (parts.keeping) parts.keeping->finish();
  parts.keeping.reset();
  parts.api.reset();
}

uint16_t Serving::port() const { return parts_->server->port(); }

}  // namespace corun::monitoring
