#include "workloads/training/data/image_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "core/stats/random.h"

namespace corun::training {

namespace {

namespace fs = std::filesystem;

constexpr ImageFormat kCifar10{3, 32, 32, 10};
constexpr ImageFormat kCifar100{3, 32, 32, 100};
constexpr uint32_t kMaxSide = 4096;
constexpr uint32_t kMaxClasses = 65'536;
constexpr uint32_t kCoarse = 4;  ///< a class's picture has so many fields in each direction

Error wrong_file(const fs::path& path, const std::string& what) {
  return usage_error(fmt::format("{}: {}", path.string(), what));
}

bool same(const ImageFormat& a, const ImageFormat& b) {
  return a.channels == b.channels && a.height == b.height && a.width == b.width &&
         a.classes == b.classes;
}

/// What an index of the moved picture shows: itself, or nothing (black) from outside.
struct Move {
  int dx = 0, dy = 0;
  bool mirrored = false;
};

Move draw_move(uint64_t seed, const ImageFormat& format) {
  stats::Random random(seed);
  const auto shift = [&](uint32_t side) {
    const uint32_t most = side / 8;
    return static_cast<int>(random.below(2 * uint64_t{most} + 1)) - static_cast<int>(most);
  };
  Move move;
  move.dx = shift(format.width);
  move.dy = shift(format.height);
  move.mirrored = random.below(2) == 1;
  return move;
}

/// One row of one channel.
void move_row(const std::byte* from, std::byte* to, int width, const Move& move) {
  for (int x = 0; x < width; ++x) {
    const int source = (move.mirrored ? width - 1 - x : x) + move.dx;
    to[x] = source >= 0 && source < width ? from[source] : std::byte{0};
  }
}

}  // namespace

Result<ImageSet> ImageSet::open(const fs::path& path, uint64_t seed) {
  ImageSet set(seed);
  std::error_code ignored;
  std::vector<fs::path> files = {path};
  if (fs::is_directory(path, ignored)) {
    files.clear();
    for (const auto& entry : fs::directory_iterator(path, ignored)) {
      const std::string name = entry.path().filename();
      const bool batch = name.starts_with("data_batch_") && name.ends_with(".bin");
      if (batch || name == "train.bin") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) return wrong_file(path, "no data_batch_*.bin and no train.bin is in it");
  }
  for (const fs::path& file : files) CORUN_TRY(set.add(file));
  return set;
}

Status ImageSet::add(const fs::path& path) {
  CORUN_ASSIGN(MappedFile file, MappedFile::open(path));
  std::span<const std::byte> bytes = file.bytes();
  files_.push_back(std::move(file));
  ImageFileHeader header;
  ImageFormat format = kCifar10;
  Label label{.bytes = 1, .at = 0, .size = 1};
  if (bytes.size() >= sizeof header && std::memcmp(bytes.data(), header.magic, 8) == 0) {
    std::memcpy(&header, bytes.data(), sizeof header);
    format = {header.channels, header.height, header.width, header.classes};
    const bool sensible = header.version == 1 && format.channels > 0 && format.channels <= 16 &&
                          format.height > 0 && format.height <= kMaxSide && format.width > 0 &&
                          format.width <= kMaxSide && format.classes > 0 &&
                          format.classes <= kMaxClasses && header.count > 0;
    if (!sensible) return wrong_file(path, "its header is none of version 1");
    bytes = bytes.subspan(sizeof header);
    label = {.bytes = 2, .at = 0, .size = 2};
    if (bytes.size() != uint64_t{header.count} * (2 + format.pixels())) {
      return wrong_file(path, fmt::format("its header tells {} images, which do not end where it "
                                          "does",
                                          header.count));
    }
  } else if (bytes.size() % (1 + kCifar10.pixels()) != 0) {
    if (bytes.size() % (2 + kCifar100.pixels()) != 0) {
      return wrong_file(path,
                        "it is no set of images: neither corun's own nor binary CIFAR, or "
                        "cut off");
    }
    format = kCifar100;
    label = {.bytes = 2, .at = 1, .size = 1};
  }
  if (!images_.empty() && !same(format, format_)) {
    return wrong_file(path, "its images are of another form than those of the file before");
  }
  format_ = format;
  return add_records(bytes, label, path);
}

Status ImageSet::add_records(std::span<const std::byte> bytes, const Label& label,
                             const fs::path& path) {
  const size_t record = label.bytes + format_.pixels();
  for (size_t at = 0; at < bytes.size(); at += record) {
    const std::byte* const start = bytes.data() + at;
    uint16_t value = 0;
    std::memcpy(&value, start + label.at, label.size);
    if (value >= format_.classes) {
      return wrong_file(path, fmt::format("image {} has label {}; there are {} classes",
                                          at / record, value, format_.classes));
    }
    images_.push_back({start + label.bytes, value});
  }
  return {};
}

void ImageSet::read(uint64_t number, std::span<std::byte> input, std::span<int64_t> target) const {
  const Image& image = images_[shuffled_index(number, images_.size(), seed_)];
  const Move move = draw_move(seed_of_sample(seed_ + 1, number), format_);
  const int height = static_cast<int>(format_.height);
  const int width = static_cast<int>(format_.width);
  for (int row = 0; row < height * static_cast<int>(format_.channels); ++row) {
    const int y = row % height + move.dy;
    std::byte* const to = input.data() + static_cast<ptrdiff_t>(row) * width;
    if (y < 0 || y >= height) {
      std::fill_n(to, width, std::byte{0});
    } else {
      move_row(image.pixels + static_cast<ptrdiff_t>(row + move.dy) * width, to, width, move);
    }
  }
  target[0] = image.label;
}

namespace {

std::string class_picture(const ImageFormat& format, stats::Random& random) {
  std::string fields(size_t{format.channels} * kCoarse * kCoarse, '\0');
  for (char& field : fields) field = static_cast<char>(random.below(192));
  return fields;
}

void append_image(std::string& bytes, const ImageFormat& format, const std::string& picture,
                  stats::Random& random) {
  for (uint32_t channel = 0; channel < format.channels; ++channel) {
    for (uint32_t y = 0; y < format.height; ++y) {
      const uint32_t line = (channel * kCoarse + y * kCoarse / format.height) * kCoarse;
      uint64_t noise = 0;
      for (uint32_t x = 0; x < format.width; ++x, noise >>= 6) {
        if (x % 10 == 0) noise = random.next();
        const auto field = static_cast<uint8_t>(picture[line + x * kCoarse / format.width]);
        bytes.push_back(static_cast<char>(field + (noise & 63)));
      }
    }
  }
}

}  // namespace

Status generate_images(const fs::path& path, const ImageFormat& format, uint32_t count,
                       uint64_t seed) {
  stats::Random random(seed);
  std::vector<std::string> pictures;
  for (uint32_t i = 0; i < format.classes; ++i) pictures.push_back(class_picture(format, random));
  ImageFileHeader header;
  header.channels = format.channels;
  header.height = format.height;
  header.width = format.width;
  header.classes = format.classes;
  header.count = count;
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&header), sizeof header);
  std::string record;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t label = random.below(format.classes);
    record = {static_cast<char>(label & 255), static_cast<char>(label >> 8)};
    append_image(record, format, pictures[label], random);
    file.write(record.data(), static_cast<std::streamsize>(record.size()));
  }
  file.flush();
  if (!file) return failed("cannot write " + path.string(), "is its disk full?");
  return {};
}

}  // namespace corun::training
