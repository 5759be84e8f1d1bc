#include "monitoring/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <deque>
#include <thread>

#include "core/fd.h"
#include "core/json_values.h"
#include "core/log.h"
#include "monitoring/task_queue.h"

namespace corun::monitoring {

namespace {

constexpr double kRecordHz = 2;
constexpr double kFlushSeconds = 2;
constexpr size_t kMostWaiting = 1000;  ///< news, for a slow disk

/// A file of lines, compressed or not.
class LineFile {
 public:
  static Result<LineFile> make(const std::filesystem::path& path) {
    Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) {
      return failed(fmt::format("cannot record to {}: {}", path.string(), std::strerror(errno)),
                    "name a file that is not there yet");
    }
    // "T": plain text, without a gzip wrapper.
    gzFile file = gzdopen(fd.get(), path.extension() == ".gz" ? "wb" : "wbT");
    if (file == nullptr) return failed("cannot record: no memory");
    fd.release();
    return LineFile(file);
  }
  LineFile(LineFile&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
  LineFile& operator=(LineFile&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~LineFile() {
    if (file_ != nullptr) gzclose(file_);
  }
  bool write(const std::string& line) {
    return gzwrite(file_, line.data(), static_cast<unsigned>(line.size())) ==
               static_cast<int>(line.size()) &&
           gzputc(file_, '\n') == '\n';
  }
  bool flush() { return gzflush(file_, Z_SYNC_FLUSH) == Z_OK; }

 private:
  explicit LineFile(gzFile file) : file_(file) {}
  gzFile file_;
};

template <typename T>
Json list_json(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(to_json(value));
  return list;
}

}  // namespace

struct Recorder::State {
  explicit State(LineFile target) : file(std::move(target)) {}

  void write(const News& news);
  void line(const Json& json) {
    if (failed || file.write(to_line(json))) return;
    failed = true;
    log::warn("the recording cannot be written any more: {}", std::strerror(errno));
  }

  // Of the queue's thread:
  LineFile file;
  bool greeted = false;
  bool failed = false;
  double snapshot_due = 0;
  double flush_due = 0;
  std::unique_ptr<TaskQueue> queue = std::make_unique<TaskQueue>(kMostWaiting);
};

void Recorder::State::write(const News& news) {
  const Snapshot& snapshot = *news.snapshot;
  if (!std::exchange(greeted, true)) {
    line({{"hello", {{"schema", kLiveSchema}, {"node", to_json(snapshot.node)}}}});
  }
  if (!news.blocks.empty()) line({{"t", snapshot.at}, {"slices", list_json(news.blocks)}});
  if (!news.events.empty()) line({{"t", snapshot.at}, {"events", list_json(news.events)}});
  if (snapshot.at >= snapshot_due || snapshot.at < snapshot_due - 10) {
    snapshot_due = snapshot.at + 0.95 / kRecordHz;
    line({{"t", snapshot.at}, {"snapshot", to_json(snapshot)}});
  }
  if (snapshot.at >= flush_due || snapshot.at < flush_due - 10) {
    flush_due = snapshot.at + kFlushSeconds;
    file.flush();
  }
}

Recorder::Recorder(std::unique_ptr<State> state, Board& board)
    : state_(std::move(state)), board_(board) {
  subscription_ = board.subscribe([state = state_.get()](const auto& news) {
    state->queue->add([state, news] { state->write(*news); });
  });
}

Result<std::unique_ptr<Recorder>> Recorder::start(const std::filesystem::path& file, Board& board) {
  CORUN_ASSIGN(LineFile target, LineFile::make(file));
  return std::unique_ptr<Recorder>(new Recorder(std::make_unique<State>(std::move(target)), board));
}

Recorder::~Recorder() {
  board_.unsubscribe(subscription_);
  state_->queue->finish();
  state_->queue.reset();
}

}  // namespace corun::monitoring
