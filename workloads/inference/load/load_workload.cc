#include "workloads/inference/load/load_workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/text.h"

namespace corun::inference {

namespace {

constexpr size_t kTroubleShown = 160;
constexpr int kTooManyRequests = 429;  ///< in the warm-up: more connections than its queue holds

/// Where this program lies: corun's own server is beside it.
std::filesystem::path own_folder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

/// Spins for the last part of a wait only on processors that are its own to spend.
bool may_spin() {
  const auto processors = tenant::this_process_processors();
  return processors && processors->usable > 1;
}

}  // namespace

LoadWorkload::LoadWorkload(LoadOptions options)
    : options_(std::move(options)), waiter_(may_spin()) {}

LoadWorkload::~LoadWorkload() {
  client_.reset();
  if (server_) server_->terminate(std::chrono::seconds(5));
}

Status LoadWorkload::initialise() {
  std::string url = options_.url;
  if (!options_.server.empty()) {
    CORUN_ASSIGN(const uint16_t port, free_port());
    if (url.empty()) url = fmt::format("http://127.0.0.1:{}", port);
    CORUN_ASSIGN(server_, start_server(server_command(options_.server, port, own_folder())));
  }
  CORUN_ASSIGN(endpoint_, ServerAddress::resolve(url));
  CORUN_TRY(wait_ready(*endpoint_, server_, options_.ready_within));
  CORUN_ASSIGN(target_, Target::describe(*endpoint_, options_.target));
  notes_.push_back(fmt::format("warm when three windows agree within {:.0f} %", 100 * kTolerance));
  CORUN_ASSIGN(client_, LoadClient::open(*endpoint_, options_.connections,
                                         [this](const Answer& answer) { take(answer); }));
  return {};
}

void LoadWorkload::check(const Answer& answer) {
  const uint64_t hash = std::hash<std::string>()(*answer.body);
  if (answers_++ == 0) first_hash_ = hash;
  if (hash != first_hash_) ++different_;
}

void LoadWorkload::take(const Answer& answer) {
  const bool text = target_->text();
  // A stream's errors come as events, behind status 200.
  const bool error_event = text && answer.body->find("data: {\"error\"") != std::string::npos;
  const int status = error_event ? 500 : answer.status;
  const uint64_t items = text ? answer.events : 1;
  if (status == 200) {
    if (options_.same_answers) check(answer);
    warm_items_ += items;
    ++warm_requests_;
  } else if (trouble_.empty() && !(recorder_ == nullptr && status == kTooManyRequests)) {
    trouble_ = answer.status == 0
                   ? "no answer"
                   : fmt::format("status {}: {}", answer.status,
                                 one_line(std::string_view(*answer.body).substr(0, kTroubleShown)));
  }
  if (recorder_ == nullptr) return;
  RequestRecord& record = records_[answer.tag];
  record.first = answer.first;
  record.end = answer.end;
  record.tokens = text ? answer.events : 0;
  record.status = status;
  record.retry_after_s = answer.retry_after_s.value_or(0);
  if (status == 200) recorder_->request(record.scheduled, answer.sent, answer.end, items);
}

Result<tenant::WarmFigures> LoadWorkload::warm(Nanos length) {
  const TraceRow one = warm_request(options_.arrivals, options_.load > 0);
  warm_items_ = 0;
  warm_requests_ = 0;
  trouble_.clear();
  const Instant start = monotonic_now();
  const Instant end = start + length;
  while (monotonic_now() < end && client_->wait_free(end)) {
    CORUN_TRY(client_->send(target_->request_for(one), 0));
  }
  client_->settle(end + options_.ready_within);
  if (!trouble_.empty()) return failed("the server fails in the warm-up: " + trouble_);
  if (warm_requests_ == 0) return failed("the server answers no request in the warm-up");
  const Nanos elapsed = monotonic_now() - start;
  capacity_ = static_cast<double>(warm_requests_) / to_seconds(elapsed);
  return tenant::pipelined_figures(warm_items_, elapsed);
}

Result<bool> LoadWorkload::send_at(const TraceRow& arrival, const tenant::Window& window,
                                   uint64_t tag) {
  RequestRecord& record = records_[tag];
  const std::string& request = target_->request_for(arrival);  // made before it is due
  waiter_.until(record.scheduled);
  record.due = record.scheduled;
  if (!client_->wait_free(record.scheduled)) {
    if (!client_->wait_free(window.give_up())) return false;
    record.due = monotonic_now();
  }
  CORUN_ASSIGN(record.sent, client_->send(request, tag));
  return true;
}

Result<tenant::WindowOutcome> LoadWorkload::run(const tenant::Window& window,
                                                tenant::Recorder& recorder) {
  const double rate = options_.load > 0 ? options_.load * capacity_ : options_.rate;
  const std::vector<TraceRow> plan =
      plan_requests(options_.arrivals, rate, options_.trace ? &*options_.trace : nullptr,
                    window.length, window.seed);
  records_.assign(plan.size(), RequestRecord{});
  for (size_t i = 0; i < plan.size(); ++i) records_[i].scheduled = window.start + plan[i].at;
  trouble_.clear();
  recorder_ = &recorder;
  waiter_.until(window.start);
  Status sending;
  for (size_t i = 0; i < plan.size() && recorder.listening(); ++i) {
    const auto sent = send_at(plan[i], window, i);
    if (!sent) sending = sent.error();
    if (!sent || !*sent) break;
  }
  client_->settle(window.give_up());
  recorder_ = nullptr;
  if (!sending) return sending.error();
  waiter_.until(window.end());
  for (std::string& line : lines_of(records_, options_.slo, window.length, target_->text())) {
    notes_.push_back(std::move(line));
  }
  if (!trouble_.empty()) notes_.push_back("the first answer that was none: " + trouble_);
  const auto unanswered = std::count_if(records_.begin(), records_.end(),
                                        [](const RequestRecord& record) { return !record.ok(); });
  return tenant::WindowOutcome{.unanswered = static_cast<uint64_t>(unanswered)};
}

Result<std::optional<tenant::Verification>> LoadWorkload::verify() {
  if (!options_.same_answers) return std::optional<tenant::Verification>();
  return std::optional(
      tenant::Verification{.checksum = fmt::format("{:016x}", first_hash_), .ok = different_ == 0});
}

}  // namespace corun::inference
