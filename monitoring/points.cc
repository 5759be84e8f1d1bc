#include "monitoring/points.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "monitoring/gzip.h"

namespace corun::monitoring {

namespace {

constexpr uint32_t kChunkMagic = 0x31504f43;  // "COP1"
constexpr size_t kMostPoints = 1u << 16;
constexpr double kTimeUnit = 1e-3;

struct ChunkHead {
  uint32_t magic = kChunkMagic;
  uint32_t count = 0;
  uint32_t flat = 0;  ///< minimum, mean and maximum are the same: stored once
  uint32_t unused = 0;
  double t0 = 0;
  double base = 0;  ///< added to every value
};

/// The value with 12 bits of mantissa, rounded.
uint32_t rounded(float value) {
  constexpr uint32_t kDropped = 11;
  const auto bits = std::bit_cast<uint32_t>(value);
  if (!std::isfinite(value)) return bits;
  const uint32_t up = bits + (1u << (kDropped - 1));
  return up & ~((1u << kDropped) - 1);
}

void put_planes(const std::vector<uint32_t>& column, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (const uint32_t word : column) out += static_cast<char>((word >> shift) & 0xff);
  }
}

std::vector<uint32_t> take_planes(std::string_view& text, size_t count) {
  std::vector<uint32_t> column(count);
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (size_t i = 0; i < count; ++i) {
      column[i] |= static_cast<uint32_t>(static_cast<unsigned char>(text[i])) << shift;
    }
    text.remove_prefix(count);
  }
  return column;
}

}  // namespace

std::optional<Point> Bucket::add(double t, double value) {
  std::optional<Point> complete;
  const double begin = std::floor(t / length_) * length_;
  if (count_ > 0 && begin != begin_) {
    complete = open();
    count_ = 0;
  }
  if (count_ == 0) {
    begin_ = begin;
    min_ = max_ = value;
    sum_ = 0;
  }
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += value;
  ++count_;
  return complete;
}

std::optional<Point> Bucket::open() const {
  if (count_ == 0) return std::nullopt;
  return Point{begin_, min_, sum_ / static_cast<double>(count_), max_};
}

std::vector<Point> thin_out(std::span<const Point> points, double from, double to, size_t count) {
  const auto in_range = [from, to](const Point& point) { return point.t >= from && point.t < to; };
  const auto inside = static_cast<size_t>(std::count_if(points.begin(), points.end(), in_range));
  std::vector<Point> thin;
  if (inside <= count || count == 0) {
    std::copy_if(points.begin(), points.end(), std::back_inserter(thin), in_range);
    return thin;
  }
  const double step = (to - from) / static_cast<double>(count);
  size_t current = count;  // none
  double gathered = 0;
  for (const Point& point : points) {
    if (!in_range(point)) continue;
    const size_t index = std::min(static_cast<size_t>((point.t - from) / step), count - 1);
    if (index != current) {
      if (!thin.empty()) thin.back().mean /= gathered;
      thin.push_back(point);
      thin.back().t = from + (static_cast<double>(index) + 0.5) * step;
      current = index;
      gathered = 1;
      continue;
    }
    Point& out = thin.back();
    out.min = std::min(out.min, point.min);
    out.max = std::max(out.max, point.max);
    out.mean += point.mean;
    gathered += 1;
  }
  if (!thin.empty()) thin.back().mean /= gathered;
  return thin;
}

std::string encode_points(std::span<const Point> points, bool exact) {
  ChunkHead head;
  head.count = static_cast<uint32_t>(points.size());
  head.t0 = points.empty() ? 0 : points.front().t;
  head.base = exact && !points.empty() ? points.front().min : 0;
  head.flat = std::all_of(points.begin(), points.end(), [](const Point& point) {
    return point.min == point.mean && point.mean == point.max;
  });
  std::vector<uint32_t> steps;
  std::vector<uint32_t> columns[3];
  uint32_t before = 0;
  const auto word = [&](double value) {
    const auto narrow = static_cast<float>(value - head.base);
    return exact ? std::bit_cast<uint32_t>(narrow) : rounded(narrow);
  };
  for (const Point& point : points) {
    const auto at =
        static_cast<uint32_t>(std::max(0.0, std::round((point.t - head.t0) / kTimeUnit)));
    steps.push_back(at - before);
    before = at;
    columns[0].push_back(word(point.mean));
    columns[1].push_back(word(point.min));
    columns[2].push_back(word(point.max));
  }
  std::string plain(sizeof head, '\0');
  std::memcpy(plain.data(), &head, sizeof head);
  put_planes(steps, plain);
  for (const auto& column : columns) {
    put_planes(column, plain);
    if (head.flat != 0) break;
  }
  return gzip(plain);
}

std::optional<std::vector<Point>> decode_points(std::string_view blob) {
  const auto plain = gunzip(blob, sizeof(ChunkHead) + kMostPoints * 16);
  if (!plain || plain->size() < sizeof(ChunkHead)) return std::nullopt;
  ChunkHead head;
  std::memcpy(&head, plain->data(), sizeof head);
  const size_t columns = head.flat != 0 ? 2 : 4;
  if (head.magic != kChunkMagic || head.count > kMostPoints ||
      plain->size() != sizeof head + size_t{head.count} * 4 * columns) {
    return std::nullopt;
  }
  std::string_view rest = std::string_view(*plain).substr(sizeof head);
  const std::vector<uint32_t> steps = take_planes(rest, head.count);
  const std::vector<uint32_t> mean = take_planes(rest, head.count);
  const std::vector<uint32_t> min = head.flat != 0 ? mean : take_planes(rest, head.count);
  const std::vector<uint32_t> max = head.flat != 0 ? mean : take_planes(rest, head.count);
  std::vector<Point> points(head.count);
  uint32_t at = 0;
  const auto value = [&head](uint32_t word) {
    return static_cast<double>(std::bit_cast<float>(word)) + head.base;
  };
  for (size_t i = 0; i < points.size(); ++i) {
    at += steps[i];
    points[i] = {head.t0 + at * kTimeUnit, value(min[i]), value(mean[i]), value(max[i])};
  }
  return points;
}

}  // namespace corun::monitoring
