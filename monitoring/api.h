// The HTTP interface of `corun serve`: docs/live-api.md, and /metrics.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/exchange.h"
#include "http/metrics.h"
#include "monitoring/board.h"
#include "monitoring/history.h"
#include "monitoring/request_target.h"
#include "monitoring/task_queue.h"
#include "monitoring/viewers.h"

namespace corun::monitoring {

struct ApiOptions {
  std::vector<std::string> host_names;           ///< besides addresses and localhost
  std::optional<std::string> token;              ///< that writes need; nothing: nobody may
  std::optional<std::filesystem::path> results;  ///< folders of benchmark reports
};

/// What a viewer of a recording wants changed; what is not given stays.
struct ReplayOrder {
  std::optional<double> at{};
  std::optional<double> speed{};
  std::optional<bool> paused{};
};

/// What the answers come from; all outlives the Api.
struct ApiParts {
  Board& board;
  Viewers& viewers;
  History& history;
  /// The exposition for Prometheus (`openmetrics`: in that format).
  std::function<std::string(bool openmetrics)> metrics;
  /// Where the daemon of this GPU is; null for a recording.
  std::function<std::optional<std::filesystem::path>(const std::string& gpu)> daemon_folder;
  /// Null for a live node.
  std::function<Status(const ReplayOrder&)> replay;
};

class Api {
 public:
  Api(ApiOptions options, ApiParts parts);
  /// Waits for a query that runs; orders that run are left behind.
  ~Api();

  /// An http::Handler.
  void handle(http::Request request, const std::shared_ptr<http::Exchange>& exchange);

 private:
  using Exchange = std::shared_ptr<http::Exchange>;
  struct Call {
    http::Request request;
    Target target;
    Exchange exchange;
  };
  struct Route;
  static const Route kRoutes[];

  void dispatch(Call&& call);
  void give(const Call& call, http::Response response) const;
  /// Runs `make` on the thread of queries and gives its answer.
  void later(Call&& call, std::function<http::Response()> make);

  void healthy(Call&& call);
  void ready(Call&& call);
  void metrics(Call&& call);
  void snapshot(Call&& call);
  void stream(Call&& call);
  void slices(Call&& call);
  void series(Call&& call);
  void events(Call&& call);
  void reports(Call&& call);
  void report(Call&& call);
  void order(Call&& call);
  void replay(Call&& call);
  void page(Call&& call);
  std::optional<http::Response> refuse_write(const http::Request& request) const;

  const ApiOptions options_;
  const ApiParts parts_;
  struct Orders;
  const std::shared_ptr<Orders> orders_;
  std::atomic<int> scrapes_{0};
  TaskQueue queries_;
};

}  // namespace corun::monitoring
