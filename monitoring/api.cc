#include "monitoring/api.h"

#include <fmt/format.h>

#include <charconv>
#include <mutex>
#include <thread>

#include "core/json_fields.h"
#include "core/json_values.h"
#include "engine/client/client.h"
#include "monitoring/answers.h"
#include "monitoring/api_json.h"
#include "monitoring/clock_map.h"
#include "monitoring/orders.h"
#include "monitoring/page.h"

namespace corun::monitoring {

namespace {

constexpr size_t kMostQueries = 64;  ///< that wait
constexpr int kMostOrders = 4;       ///< at once: a park may take a minute
constexpr int kMostScrapes = 4;
constexpr double kLongestTime = 4e9;  ///< unix seconds
constexpr char kTextFormat[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kOpenMetrics[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";

std::optional<std::string> bearer_of(const http::Request& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const auto header = request.header("Authorization");
  if (!header || !header->starts_with(kScheme)) return std::nullopt;
  return std::string(header->substr(kScheme.size()));
}

/// from..to of a query; by default the last minute.
Result<std::pair<double, double>> range_of(const Target& target, double now) {
  CORUN_ASSIGN(const auto to, target.number("to", 0, kLongestTime));
  CORUN_ASSIGN(const auto from, target.number("from", 0, kLongestTime));
  const double end = to.value_or(now);
  const double begin = from.value_or(end - 60);
  if (begin >= end) return usage_error("'from' is not before 'to'");
  return std::pair(begin, end);
}

std::vector<std::string> words_of_list(const std::string& text) {
  std::vector<std::string> words;
  size_t at = 0;
  while (at <= text.size()) {
    const size_t end = std::min(text.find(',', at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

Result<ReplayOrder> replay_order(const std::string& body) {
  CORUN_ASSIGN(const Json object, parse_json(body, "the body"));
  ReplayOrder order;
  JsonFields in(object, "the body");
  if (object.is_object() && object.contains("at")) in.get("at", order.at);
  if (object.is_object() && object.contains("speed")) in.get("speed", order.speed);
  if (object.is_object() && object.contains("paused")) in.get("paused", order.paused);
  CORUN_TRY(in.status());
  if (order.speed && !(*order.speed >= 0.01 && *order.speed <= 1000)) {
    return usage_error("'speed' is no number from 0.01 to 1000");
  }
  return order;
}

/// How long a scraper says that it waits.
Nanos scrape_patience(const http::Request& request) {
  const auto word = request.header("X-Prometheus-Scrape-Timeout-Seconds").value_or("");
  double seconds = 0;
  std::from_chars(word.data(), word.data() + word.size(), seconds);
  return seconds > 0 && seconds < 3600 ? from_seconds(seconds) : std::chrono::hours(1);
}

http::Response too_many(std::string_view what) {
  http::Response response = error_answer(429, what, "try again");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

struct Api::Route {
  std::string_view path;  ///< one that ends with '/' is a prefix
  std::string_view method;
  void (Api::*handle)(Call&& call);
};

const Api::Route Api::kRoutes[] = {
    {"/-/healthy", "GET", &Api::healthy},
    {"/-/ready", "GET", &Api::ready},
    {"/metrics", "GET", &Api::metrics},
    {"/api/v1/snapshot", "GET", &Api::snapshot},
    {"/api/v1/stream", "GET", &Api::stream},
    {"/api/v1/slices", "GET", &Api::slices},
    {"/api/v1/series", "GET", &Api::series},
    {"/api/v1/events", "GET", &Api::events},
    {"/api/v1/reports", "GET", &Api::reports},
    {"/reports/", "GET", &Api::report},
    {"/api/v1/workloads/", "POST", &Api::order},
    {"/api/v1/replay", "POST", &Api::replay},
    {"/", "GET", &Api::page},
};

/// Orders run on threads of their own, which may outlive the Api and the server below it.
struct Api::Orders {
  std::mutex mutex;
  // Guarded by mutex.
  int running = 0;
  bool closed = false;

  bool begin() {
    const std::lock_guard lock(mutex);
    if (closed || running >= kMostOrders) return false;
    ++running;
    return true;
  }
  void end(const Exchange& exchange, http::Response response) {
    const std::lock_guard lock(mutex);
    --running;
    if (closed || exchange->gone()) return;
    auto answer = std::make_shared<http::Response>(std::move(response));
    exchange->post([exchange, answer] { exchange->answer(std::move(*answer)); });
  }
};

Api::Api(ApiOptions options, ApiParts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      orders_(std::make_shared<Orders>()),
      queries_(kMostQueries) {}

Api::~Api() {
  const std::lock_guard lock(orders_->mutex);
  orders_->closed = true;
}

void Api::give(const Call& call, http::Response response) const {
  response.without_body = call.request.method == "HEAD";
  call.exchange->answer(std::move(response));
}

void Api::handle(http::Request request, const std::shared_ptr<http::Exchange>& exchange) {
  Call call{std::move(request), {}, exchange};
  const std::string host(call.request.header("Host").value_or(""));
  if (!is_our_host(host, options_.host_names)) {
    return give(call, error_answer(421, "this server does not answer to that name",
                                   "use its address, or start it with --host-name"));
  }
  const auto origin = call.request.header("Origin");
  const bool reads = call.request.method == "GET" || call.request.method == "HEAD";
  if (!reads && origin && !is_own_origin(*origin, host)) {
    return give(call, error_answer(403, "another site's page may not change anything here"));
  }
  auto target = parse_target(call.request.target);
  if (!target) return give(call, error_answer(target.error()));
  call.target = std::move(*target);
  dispatch(std::move(call));
}

void Api::dispatch(Call&& call) {
  const std::string& path = call.target.path;
  const std::string_view method =
      call.request.method == "HEAD" ? std::string_view("GET") : call.request.method;
  for (const Route& route : kRoutes) {
    const bool below = route.path.ends_with('/') && path.starts_with(route.path);
    if (path != route.path && !below) continue;
    if (method == route.method) return (this->*route.handle)(std::move(call));
    http::Response response =
        error_answer(405, fmt::format("{} takes {} only", route.path, route.method));
    response.headers.emplace_back("Allow", route.method == "GET" ? "GET, HEAD" : "POST");
    return give(call, std::move(response));
  }
  give(call, error_answer(404, "there is nothing at this address"));
}

void Api::later(Call&& call, std::function<http::Response()> make) {
  auto shared = std::make_shared<Call>(std::move(call));
  const bool taken = queries_.add([this, shared, make = std::move(make)] {
    if (shared->exchange->gone()) return;
    auto response = std::make_shared<http::Response>(make());
    shared->exchange->post([this, shared, response] { give(*shared, std::move(*response)); });
  });
  if (!taken) give(*shared, too_many("too many queries wait"));
}

void Api::healthy(Call&& call) { give(call, text_answer("ok\n", "text/plain; charset=utf-8")); }

void Api::ready(Call&& call) {
  if (parts_.board.newest()) {
    return give(call, text_answer("ready\n", "text/plain; charset=utf-8"));
  }
  http::Response response = error_answer(503, "nothing was collected yet", "try again");
  response.headers.emplace_back("Retry-After", "1");
  give(call, std::move(response));
}

void Api::metrics(Call&& call) {
  if (scrapes_ >= kMostScrapes) return give(call, too_many("too many scrapes at once"));
  ++scrapes_;
  const std::string accepts(call.request.header("Accept").value_or(""));
  const bool open = accepts.find("application/openmetrics-text") != std::string::npos;
  // A scraper that says how long it waits is not answered after that.
  const Instant give_up = monotonic_now() + scrape_patience(call.request);
  auto shared = std::make_shared<Call>(std::move(call));
  const bool taken = queries_.add([this, shared, open, give_up] {
    http::Response response;
    if (monotonic_now() > give_up) {
      response = error_answer(503, "the scrape waited for longer than its time");
    } else {
      response = text_answer(parts_.metrics(open), open ? kOpenMetrics : kTextFormat);
    }
    --scrapes_;
    auto answer = std::make_shared<http::Response>(std::move(response));
    shared->exchange->post([this, shared, answer] { give(*shared, std::move(*answer)); });
  });
  if (taken) return;
  --scrapes_;
  give(*shared, too_many("too many queries wait"));
}

void Api::snapshot(Call&& call) {
  const auto newest = parts_.board.newest();
  if (!newest) return ready(std::move(call));
  give(call, json_answer(to_json(*newest)));
}

void Api::stream(Call&& call) {
  const auto hz = call.target.number("hz", 0.1, 10);
  if (!hz) return give(call, error_answer(hz.error()));
  if (call.request.method == "HEAD") return give(call, text_answer("", "text/event-stream"));
  if (!parts_.viewers.add(call.exchange, hz->value_or(2))) {
    give(call, too_many("too many viewers"));
  }
}

void Api::slices(Call&& call) {
  const auto newest = parts_.board.newest();
  const auto range = range_of(call.target, newest ? newest->at : unix_now());
  const auto pixels = call.target.number("px", 1, 10'000);
  const auto gpu = call.target.text("gpu");
  if (!range) return give(call, error_answer(range.error()));
  if (!pixels) return give(call, error_answer(pixels.error()));
  if (!gpu) return give(call, error_answer(400, "which GPU?", "write gpu=UUID"));
  const double from = range->first;
  const double to = range->second;
  const auto px = static_cast<size_t>(pixels->value_or(1200));
  later(std::move(call), [this, gpu = *gpu, from, to, px] {
    return json_answer(lanes_json(gpu, from, to, parts_.history.lanes(gpu, from, to, px)));
  });
}

void Api::series(Call&& call) {
  const auto newest = parts_.board.newest();
  const auto range = range_of(call.target, newest ? newest->at : unix_now());
  const auto points = call.target.number("points", 1, 10'000);
  if (!range) return give(call, error_answer(range.error()));
  if (!points) return give(call, error_answer(points.error()));
  SeriesQuery query;
  query.gpu = call.target.text("gpu").value_or("");
  query.workload = call.target.text("workload").value_or("");
  query.names = words_of_list(call.target.text("names").value_or(""));
  query.from = range->first;
  query.to = range->second;
  query.points = static_cast<size_t>(points->value_or(600));
  if (query.gpu.empty()) return give(call, error_answer(400, "which GPU?", "write gpu=UUID"));
  if (query.names.empty() || query.names.size() > 64) {
    return give(call, error_answer(400, "which series?", "write names=NAME,NAME"));
  }
  later(std::move(call), [this, query] {
    const auto answer = parts_.history.series(query);
    return answer ? json_answer(series_json(query, *answer)) : error_answer(answer.error());
  });
}

void Api::events(Call&& call) {
  const auto since = call.target.number("since", 0, 1e15);
  const auto limit = call.target.number("limit", 1, 10'000);
  if (!since) return give(call, error_answer(since.error()));
  if (!limit) return give(call, error_answer(limit.error()));
  std::optional<uint64_t> from;
  if (since->value_or(0) > 0) from = static_cast<uint64_t>(**since);  // 0: the newest
  const auto most = static_cast<size_t>(limit->value_or(200));
  later(std::move(call), [this, from, most] {
    const auto events = parts_.history.events(from, most);
    const uint64_t next = events.empty() ? std::max(from.value_or(0), parts_.history.next_event())
                                         : events.back().seq + 1;
    return json_answer(events_json(events, next));
  });
}

void Api::reports(Call&& call) {
  later(std::move(call), [this] {
    if (!options_.results) {
      return json_answer({{"schema", kLiveSchema}, {"reports", Json::array()}});
    }
    return json_answer(list_reports(*options_.results));
  });
}

void Api::report(Call&& call) {
  const std::string rest = call.target.path.substr(std::string_view("/reports/").size());
  later(std::move(call), [this, rest] {
    if (options_.results) {
      if (auto answer = report_answer(*options_.results, rest)) return std::move(*answer);
    }
    return error_answer(404, "there is no such report", "start with --results DIR");
  });
}

std::optional<http::Response> Api::refuse_write(const http::Request& request) const {
  const auto given = bearer_of(request);
  if (options_.token && given && same_secret(*given, *options_.token)) return std::nullopt;
  http::Response response =
      options_.token ? error_answer(401, "a change needs the token", "send it as Bearer")
                     : error_answer(401, "nobody may change anything through this server",
                                    "start it with --token-file F");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

void Api::order(Call&& call) {
  if (auto refusal = refuse_write(call.request)) return give(call, std::move(*refusal));
  if (!parts_.daemon_folder) {
    return give(call, error_answer(400, "a recording cannot be changed"));
  }
  const auto rest = call.target.path.substr(std::string_view("/api/v1/workloads/").size());
  auto order = parse_order(rest, call.request.body);
  if (!order) return give(call, error_answer(order.error()));
  std::string gpu = call.target.text("gpu").value_or("");
  if (const auto newest = parts_.board.newest(); newest && gpu.empty()) {
    for (const Workload& workload : newest->workloads) {
      if (workload.workload == order->workload) gpu = workload.gpu;
    }
  }
  const auto folder = parts_.daemon_folder(gpu);
  if (!folder) return give(call, error_answer(404, "no corund knows " + order->workload));
  if (!orders_->begin()) return give(call, too_many("too many orders run"));
  auto exchange = call.exchange;
  // Its own thread: parking may take a minute. It uses nothing that may end before it.
  std::thread([exchange, order = *order, folder = *folder, gpu, orders = orders_] {
    http::Response response = json_answer({{"schema", kLiveSchema}, {"ok", true}});
    auto daemon = client::Client::connect(folder, gpu);
    if (!daemon) {
      response = error_answer(daemon.error(), 503);
    } else if (const auto request = parse_json(order.request, "order"); request) {
      const auto reply = daemon->call(*request, order.patience);
      if (!reply) response = error_answer(reply.error(), 503);
    }
    orders->end(exchange, std::move(response));
  }).detach();
}

void Api::replay(Call&& call) {
  if (!parts_.replay) {
    return give(call, error_answer(404, "this is a live node, no recording",
                                   "play one with corun serve --replay F"));
  }
  const auto order = replay_order(call.request.body);
  if (!order) return give(call, error_answer(order.error()));
  const Status done = parts_.replay(*order);
  give(call,
       done ? json_answer({{"schema", kLiveSchema}, {"ok", true}}) : error_answer(done.error()));
}

void Api::page(Call&& call) {
  auto response = page_answer(call.request, call.target.path);
  give(call,
       response ? std::move(*response) : error_answer(404, "there is nothing at this address"));
}

}  // namespace corun::monitoring
