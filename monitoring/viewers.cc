#include "monitoring/viewers.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>

#include "core/json_values.h"

namespace corun::monitoring {

namespace {

constexpr char kStreamType[] = "text/event-stream; charset=utf-8";
/// News that wait for the thread; older ones are dropped.
constexpr size_t kMaxNews = 256;
/// Something is sent at least so often, so that proxies and viewers know that the stream lives.
constexpr Nanos kSignOfLife = std::chrono::seconds(10);

using Text = std::shared_ptr<const std::string>;

Text hello_of(const Snapshot& snapshot) {
  const Json hello{{"schema", kLiveSchema},
                   {"node", to_json(snapshot.node)},
                   {"replay", snapshot.replay ? to_json(*snapshot.replay) : Json()}};
  return std::make_shared<const std::string>(sse_event("hello", to_line(hello)));
}

Text snapshot_text(const Snapshot& snapshot) {
  return std::make_shared<const std::string>(sse_event("snapshot", to_line(to_json(snapshot))));
}

template <typename T>
Text list_text(const char* name, const std::vector<T>& values) {
  if (values.empty()) return nullptr;
  Json list = Json::array();
  for (const T& value : values) list.push_back(to_json(value));
  return std::make_shared<const std::string>(sse_event(name, to_line(list)));
}

struct Viewer {
  std::shared_ptr<http::Exchange> exchange;
  Nanos period;
  Instant due;   ///< of the next snapshot
  Instant last;  ///< that something was sent
  bool greeted = false;
  std::vector<Text> waiting;  ///< slices and events since the last snapshot that was due
  size_t waiting_bytes = 0;
};

/// Slices and events that wait for a viewer's next turn.
constexpr size_t kMaxWaitingBytes = 256u << 10;

}  // namespace

std::string sse_event(std::string_view name, std::string_view data) {
  std::string text;
  text.reserve(name.size() + data.size() + 20);
  text.append("event: ").append(name).append("\ndata: ").append(data).append("\n\n");
  return text;
}

struct Viewers::State {
  void run();
  void tell(const News& news, std::vector<std::shared_ptr<Viewer>>& some, Instant now);
  void send(const std::shared_ptr<Viewer>& viewer, std::vector<Text> texts);

  Counts counts;
  std::mutex mutex;
  std::condition_variable wake;
  // Guarded by mutex.
  bool stopping = false;
  std::deque<std::shared_ptr<const News>> news;
  std::shared_ptr<const Snapshot> newest;
  std::vector<std::shared_ptr<Viewer>> viewers;
  std::thread thread;
};

void Viewers::State::send(const std::shared_ptr<Viewer>& viewer, std::vector<Text> texts) {
  viewer->exchange->post([exchange = viewer->exchange, texts = std::move(texts), this] {
    if (exchange->unsent() > 0) {
      counts.dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    for (const Text& text : texts) exchange->stream(*text);
    counts.sent.fetch_add(1, std::memory_order_relaxed);
  });
}

void Viewers::State::tell(const News& one, std::vector<std::shared_ptr<Viewer>>& some,
                          Instant now) {
  const Text slices = list_text("slices", one.blocks);
  const Text events = list_text("events", one.events);
  Text snapshot;
  for (const auto& viewer : some) {
    for (const Text& text : {slices, events}) {
      if (!text || viewer->waiting_bytes > kMaxWaitingBytes) continue;
      viewer->waiting.push_back(text);
      viewer->waiting_bytes += text->size();
    }
    // A cycle that comes a little early is this viewer's turn too.
    if (now + viewer->period / 8 < viewer->due) continue;
    viewer->due = std::max(viewer->due + viewer->period, now);
    if (!snapshot) snapshot = snapshot_text(*one.snapshot);
    std::vector<Text> texts;
    if (!std::exchange(viewer->greeted, true)) texts.push_back(hello_of(*one.snapshot));
    texts.push_back(snapshot);
    for (Text& text : viewer->waiting) texts.push_back(std::move(text));
    viewer->waiting.clear();
    viewer->waiting_bytes = 0;
    viewer->last = now;
    send(viewer, std::move(texts));
  }
}

void Viewers::State::run() {
  const auto comment = std::make_shared<const std::string>(": \n\n");
  std::unique_lock lock(mutex);
  while (!stopping) {
    wake.wait_for(lock, std::chrono::seconds(1), [this] { return stopping || !news.empty(); });
    std::erase_if(viewers, [](const auto& viewer) { return viewer->exchange->gone(); });
    counts.now = viewers.size();
    std::vector<std::shared_ptr<Viewer>> some = viewers;
    std::deque<std::shared_ptr<const News>> all;
    all.swap(news);
    lock.unlock();
    const Instant now = monotonic_now();
    for (const auto& one : all) {
      if (!some.empty()) tell(*one, some, now);
    }
    for (const auto& viewer : some) {
      if (now - viewer->last < kSignOfLife) continue;
      viewer->last = now;
      send(viewer, {comment});
    }
    lock.lock();
  }
}

Viewers::Viewers(Board& board) : state_(std::make_shared<State>()), board_(board) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
  subscription_ = board.subscribe([state = state_.get()](const auto& news) {
    const std::lock_guard lock(state->mutex);
    state->newest = news->snapshot;
    if (state->viewers.empty()) return;
    if (state->news.size() >= kMaxNews) state->news.pop_front();
    state->news.push_back(news);
    state->wake.notify_all();
  });
}

Viewers::~Viewers() { stop(); }

bool Viewers::add(const std::shared_ptr<http::Exchange>& exchange, double hz) {
  auto viewer = std::make_shared<Viewer>();
  viewer->exchange = exchange;
  viewer->period = from_seconds(1 / hz);
  const Instant now = monotonic_now();
  viewer->last = now;
  std::shared_ptr<const Snapshot> newest;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping || state_->viewers.size() >= kMost) return false;
    newest = state_->newest;
    viewer->greeted = newest != nullptr;
    viewer->due = newest ? now + viewer->period : now;
    state_->viewers.push_back(std::move(viewer));
    state_->counts.now = state_->viewers.size();
  }
  exchange->begin_stream(kStreamType);
  if (newest) {  // what is there now, without waiting for the next cycle
    exchange->stream(*hello_of(*newest));
    exchange->stream(*snapshot_text(*newest));
  }
  return true;
}

void Viewers::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->stopping, true)) return;
    state_->wake.notify_all();
  }
  board_.unsubscribe(subscription_);
  state_->thread.join();
  for (const auto& viewer : state_->viewers) {
    viewer->exchange->post([exchange = viewer->exchange] { exchange->end_stream(); });
  }
}

const Viewers::Counts& Viewers::counts() const { return state_->counts; }

}  // namespace corun::monitoring
