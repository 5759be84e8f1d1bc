// Labelled images in files: corun's own format, and the binary versions of CIFAR-10 and CIFAR-100.
//
// Own: the header below, then `count` records of a label (16 bits, little endian) and the pixels,
// one byte each, channel by channel and row by row. CIFAR: records without a header, of one label
// byte (10) or two, coarse and fine (100), and 3 x 32 x 32 pixels.
//   https://www.cs.toronto.edu/~kriz/cifar.html
#pragma once

#include <filesystem>
#include <vector>

#include "core/result.h"
#include "workloads/training/data/mapped_file.h"
#include "workloads/training/data/sample_source.h"

namespace corun::training {

struct ImageFormat {
  uint32_t channels = 3;
  uint32_t height = 0;
  uint32_t width = 0;
  uint32_t classes = 0;
  size_t pixels() const { return size_t{channels} * height * width; }
};

struct ImageFileHeader {
  char magic[8] = {'c', 'o', 'r', 'u', 'n', 'i', 'm', 'g'};
  uint32_t version = 1;
  uint32_t channels = 0;
  uint32_t height = 0;
  uint32_t width = 0;
  uint32_t classes = 0;
  uint32_t count = 0;
};
static_assert(sizeof(ImageFileHeader) == 32);

/// Images as samples: pixels, and the label as the only target. Half of them are mirrored and all
/// are shifted by up to an eighth, as the seed and the sample's number draw.
class ImageSet final : public SampleSource {
 public:
  /// `path`: a file; or a folder with data_batch_*.bin (CIFAR-10) or train.bin (CIFAR-100).
  /// Errors (failed): not readable; (usage): of no known format, cut off, or a label that is none.
  static Result<ImageSet> open(const std::filesystem::path& path, uint64_t seed);

  const ImageFormat& format() const { return format_; }
  uint64_t count() const { return images_.size(); }
  size_t input_bytes() const override { return format_.pixels(); }
  size_t target_count() const override { return 1; }
  void read(uint64_t number, std::span<std::byte> input, std::span<int64_t> target) const override;

 private:
  struct Image {
    const std::byte* pixels;
    int64_t label;
  };
  /// Where a record has its label.
  struct Label {
    size_t bytes;  ///< before the pixels
    size_t at;
    size_t size;
  };
  explicit ImageSet(uint64_t seed) : seed_(seed) {}
  Status add(const std::filesystem::path& path);
  Status add_records(std::span<const std::byte> bytes, const Label& label,
                     const std::filesystem::path& path);

  uint64_t seed_;
  ImageFormat format_;
  std::vector<MappedFile> files_;
  std::vector<Image> images_;
};

/// Writes a set in the own format whose classes can be told apart: each has its own coarse picture
/// under noise.
Status generate_images(const std::filesystem::path& path, const ImageFormat& format, uint32_t count,
                       uint64_t seed);

}  // namespace corun::training
