// Samples, batches, checkpoints, options: all of the training that needs no LibTorch.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>

#include "core/environment.h"
#include "core/files.h"
#include "workloads/training/data/image_set.h"
#include "workloads/training/data/loader.h"
#include "workloads/training/data/token_set.h"
#include "workloads/training/options/options.h"
#include "workloads/training/state/checkpoint.h"
#include "workloads/training/state/model_spec.h"

namespace corun::training {
namespace {

class Files : public testing::Test {
 protected:
  std::filesystem::path write(const char* name, const std::string& content) {
    const auto path = folder_->path() / name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  Result<TemporaryFolder> folder_ = TemporaryFolder::create("corun-data-test-");
};
using ImageFiles = Files;
using TokenFiles = Files;
using CheckpointFiles = Files;

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

TEST(Shuffle, EachEpochHasAllOfThemInAnOrderOfItsOwn) {
  for (const uint64_t count : {1U, 2U, 7U, 60U}) {
    std::vector<std::vector<uint64_t>> epochs(3);
    for (uint64_t i = 0; i < 3 * count; ++i) {
      epochs[i / count].push_back(shuffled_index(i, count, 5));
    }
    for (const auto& epoch : epochs) {
      EXPECT_EQ(std::set(epoch.begin(), epoch.end()).size(), count);
      EXPECT_LT(*std::max_element(epoch.begin(), epoch.end()), count);
    }
    if (count > 7) {
      EXPECT_NE(epochs[0], epochs[1]);
    }
  }
}

struct Sample {
  std::vector<std::byte> input;
  std::vector<int64_t> target;
};
Sample read(const SampleSource& source, uint64_t number) {
  Sample sample{std::vector<std::byte>(source.input_bytes()),
                std::vector<int64_t>(source.target_count())};
  source.read(number, sample.input, sample.target);
  return sample;
}

TEST_F(ImageFiles, AGeneratedSetIsReadAgainAsTheSameSamples) {
  const auto path = folder_->path() / "set";
  ASSERT_TRUE(generate_images(path, {3, 16, 24, 300}, 20, 3));
  const auto set = ImageSet::open(path, 9);
  ASSERT_TRUE(set) << set.error().text();
  EXPECT_EQ(set->count(), 20U);
  EXPECT_EQ(set->format().width, 24U);
  EXPECT_EQ(set->input_bytes(), size_t{3 * 16 * 24});
  const auto again = ImageSet::open(path, 9);
  std::set<int64_t> labels;
  for (uint64_t i = 0; i < 40; ++i) {
    EXPECT_EQ(read(*set, i).input, read(*again, i).input);
    labels.insert(read(*set, i).target[0]);
  }
  EXPECT_GT(labels.size(), 10U);
  EXPECT_GT(*labels.rbegin(), 255) << "labels have 16 bits";
}

TEST_F(ImageFiles, CifarInBothItsForms) {
  const std::string pixels(3072, '\x50');
  write("data_batch_2.bin", "\x07" + pixels);
  write("data_batch_1.bin", "\x03" + pixels + "\x04" + pixels);
  const auto ten = ImageSet::open(folder_->path(), 1);
  ASSERT_TRUE(ten) << ten.error().text();
  EXPECT_EQ(ten->count(), 3U);
  EXPECT_EQ(ten->format().classes, 10U);
  const auto hundred = ImageSet::open(write("train.dat", std::string("\x02\x58") + pixels), 1);
  ASSERT_TRUE(hundred) << hundred.error().text();
  EXPECT_EQ(hundred->format().classes, 100U);
  const Sample sample = read(*hundred, 0);
  EXPECT_EQ(sample.target[0], 0x58);
  // Shifted by up to four: the middle is never from outside.
  EXPECT_EQ(sample.input[16 * 32 + 16], std::byte{0x50});
}

TEST_F(ImageFiles, WrongOnesAreTold) {
  const std::string own = "corunimg" + bytes_of<uint32_t>({1, 1, 2, 2, 3, 1});
  const std::pair<std::string, const char*> cases[] = {
      {"x", "no set of images"},
      {std::string(3072, 'x'), "no set of images"},
      {"\x0a" + std::string(3072, 'x'), "image 0 has label 10; there are 10 classes"},
      {own + std::string("\x03\x00", 2) + "abcd", "label 3"},
      {own + std::string("\x02\x00", 2) + "abc", "1 images, which do not end"},
      {"corunimg" + bytes_of<uint32_t>({2, 1, 2, 2, 3, 1}), "none of version 1"},
      {"corunimg" + bytes_of<uint32_t>({1, 1, 2'000'000'000, 2'000'000'000, 3, 1}), "none of"},
  };
  for (const auto& [content, says] : cases) {
    const auto set = ImageSet::open(write("set", content), 1);
    ASSERT_FALSE(set) << says;
    EXPECT_NE(set.error().what.find(says), std::string::npos) << set.error().what;
  }
  EXPECT_FALSE(ImageSet::open(write("set", ""), 1));
  EXPECT_FALSE(ImageSet::open(folder_->path() / "none", 1));
}

TEST_F(TokenFiles, EachTokensTargetIsTheNextOne) {
  const auto path = write("t", bytes_of<uint16_t>({0, 1, 2, 3, 4, 5, 6}));
  const auto set = TokenSet::open(path, {.token_bytes = 2, .vocabulary = 7, .sequence = 3}, 1);
  ASSERT_TRUE(set) << set.error().text();
  ASSERT_EQ(set->count(), 2U);
  for (uint64_t i = 0; i < 2; ++i) {
    const Sample sample = read(*set, i);
    int32_t first = 0;
    std::memcpy(&first, sample.input.data(), sizeof first);
    EXPECT_EQ(sample.target, (std::vector<int64_t>{first + 1, first + 2, first + 3}));
  }
}

TEST_F(TokenFiles, MasksHideSomeTokensAndAskForThem) {
  const auto path = write("t", bytes_of(std::vector<uint32_t>(1001, 70'000)));
  const TokenOptions options{
      .token_bytes = 4, .vocabulary = 70'002, .sequence = 1000, .objective = Objective::kMasked};
  const auto set = TokenSet::open(path, options, 1);
  ASSERT_TRUE(set) << set.error().text();
  const Sample sample = read(*set, 0);
  size_t hidden = 0;
  for (size_t i = 0; i < 1000; ++i) {
    int32_t token = 0;
    std::memcpy(&token, sample.input.data() + i * sizeof token, sizeof token);
    const bool masked = token == 70'001;
    EXPECT_EQ(sample.target[i], masked ? 70'000 : kNoTarget);
    hidden += masked ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(hidden), 150, 50);
}

TEST_F(TokenFiles, WrongOnesAreTold) {
  const auto says = [&](const std::string& content, Objective objective) {
    const auto set = TokenSet::open(
        write("t", content),
        {.token_bytes = 2, .vocabulary = 5, .sequence = 2, .objective = objective}, 1);
    return set ? "nothing" : set.error().what.substr(set.error().what.find(": ") + 2);
  };
  EXPECT_EQ(says("abc", Objective::kNext), "it ends amid a token");
  EXPECT_EQ(says(bytes_of<uint16_t>({1, 2}), Objective::kNext),
            "it has 2 tokens, fewer than one sample needs");
  EXPECT_EQ(says(bytes_of<uint16_t>({1, 2, 5}), Objective::kNext),
            "token 5 at place 2 is outside the model's 5");
  EXPECT_EQ(says(bytes_of<uint16_t>({1, 2, 4}), Objective::kNext), "nothing");
  EXPECT_EQ(says(bytes_of<uint16_t>({1, 2, 4}), Objective::kMasked),
            "token 4 at place 2 is outside the model's 4");
}

/// Sample k has k as its input and its target.
class Numbers final : public SampleSource {
 public:
  size_t input_bytes() const override { return sizeof(uint64_t); }
  size_t target_count() const override { return 1; }
  void read(uint64_t number, std::span<std::byte> input, std::span<int64_t> target) const override {
    std::memcpy(input.data(), &number, sizeof number);
    target[0] = static_cast<int64_t>(number);
  }
};

TEST(Loader, BatchesComeInOrderWhoeverMakesThem) {
  const Numbers numbers;
  const HostAllocator allocate = [](size_t bytes) {
    return HostMemory(new std::byte[bytes], std::default_delete<std::byte[]>());
  };
  Loader loader(numbers, {.batch = 3, .workers = 4, .ahead = 5, .first_sample = 100}, allocate);
  int64_t expected = 100;
  for (uint64_t i = 0; i < 200; ++i) {
    const Batch& batch = loader.next();
    EXPECT_EQ(batch.index, i);
    for (const int64_t number : batch.target) EXPECT_EQ(number, expected++);
    if (i >= 2) loader.give_back();  // two stay handed out
  }
}

TEST_F(CheckpointFiles, WhatIsWrittenIsReadAgain) {
  const std::string bytes = bytes_of<float>({1, 2, 3, 4, 5, 6});
  const auto path = folder_->path() / "state";
  const State state{.words = {{"steps", "7"}},
                    .tensors = {{"b", "F32", {2, 3}, bytes}, {"a", "I64", {}, "12345678"}}};
  ASSERT_TRUE(write_checkpoint(path, state));
  const auto read_again = Checkpoint::open(path);
  ASSERT_TRUE(read_again) << read_again.error().text();
  EXPECT_EQ(read_again->state().words, state.words);
  ASSERT_NE(read_again->find("b"), nullptr);
  EXPECT_EQ(read_again->find("b")->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(read_again->find("b")->bytes, bytes);
  EXPECT_EQ(read_again->find("a")->bytes, "12345678");
  EXPECT_EQ(read_again->find("c"), nullptr);
  EXPECT_EQ(*read_again->number("steps"), 7U);
  EXPECT_FALSE(read_again->number("seed"));
  EXPECT_FALSE(write_checkpoint(folder_->path() / "no" / "such", state));
}

TEST_F(CheckpointFiles, CutOffAnywhereItIsRefused) {
  const auto path = folder_->path() / "state";
  ASSERT_TRUE(write_checkpoint(
      path, {.words = {{"steps", "7"}}, .tensors = {{"b", "F32", {3}, "abcdefghijkl"}}}));
  const std::string whole = *read_file(path);
  for (size_t size = 1; size < whole.size(); ++size) {
    const auto cut = Checkpoint::open(write("cut", whole.substr(0, size)));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().what.find('\n'), std::string::npos);
  }
}

TEST_F(CheckpointFiles, SizesThatAreNotThoseOfTheShapeAreRefused) {
  const auto open = [&](const std::string& header) {
    const uint64_t size = header.size();
    return Checkpoint::open(write("state", bytes_of<uint64_t>({size}) + header + "12345678"));
  };
  EXPECT_TRUE(open(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"));
  for (const char* header : {
           R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
           R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
           R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
           R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
           R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})",
           R"({"a":{"dtype":"X","shape":[2],"data_offsets":[0,8]}})",
           R"({"a":{"shape":[2]}})",
           R"({"a":1})",
           R"([])",
           R"(no JSON)",
       }) {
    EXPECT_FALSE(open(header)) << header;
  }
}

TEST(ModelTable, NamesAreUniqueAndHeadsDivideTheWidth) {
  std::set<std::string_view> names;
  for (const ModelSpec& spec : model_specs()) {
    EXPECT_TRUE(names.insert(spec.name).second);
    if (!spec.images) {
      EXPECT_EQ(spec.transformer.width % spec.transformer.heads, 0U);
    }
  }
  EXPECT_TRUE(find_model("resnet50"));
  EXPECT_FALSE(find_model("resnet51"));
  EXPECT_EQ(learning_rate_at(0.4, 4, 0), 0.1);
  EXPECT_EQ(learning_rate_at(0.4, 4, 9), 0.4);
}

std::string parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "corun-train");
  const auto options = parse_train_options(static_cast<int>(words.size()), words.data());
  return options ? "nothing" : options.error().what;
}

TEST(TrainOptions, WrongOnesAreToldByName) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{}, "no --model is given"},
      {{"--model", "x"}, "there is no model 'x'"},
      {{"--model", "bert", "--device", "tpu"}, "there is no device 'tpu'"},
      {{"--model", "bert", "--precision", "fp8"}, "there is no precision 'fp8'"},
      {{"--model", "gpt-tiny", "--sequence", "65"}, "--sequence 65 is more"},
      {{"--model", "resnet50", "--sequence", "5"}, "--sequence 5 is more"},
      {{"--model", "bert", "--checkpoint-every", "1"}, "without --checkpoint"},
      {{"--model", "bert", "--token-bytes", "3"}, "--token-bytes is neither"},
      {{"--model", "bert", "--duration", "0s"}, "--duration 0s is out of range"},
      {{"--model", "bert", "--batch", "0"}, "--batch"},
      {{"--model", "bert", "--device", "cpu"}, "nothing"},
  };
  for (const auto& [words, says] : cases) {
    EXPECT_NE(parsed(words).find(says), std::string::npos) << parsed(words);
  }
}

/// UPDATE=1 in the environment rewrites the golden file.
TEST(TrainOptions, HelpText) {
  const char* const words[] = {"corun-train", "--help"};
  testing::internal::CaptureStdout();
  EXPECT_TRUE(parse_train_options(2, words));
  std::fflush(stdout);
  const std::string text = testing::internal::GetCapturedStdout();
  const auto golden = std::filesystem::path(CORUN_SOURCE_DIR) /
                      "tests/workloads/training/golden/help-corun-train.txt";
  if (environment("UPDATE") == "1") {
    ASSERT_TRUE(write_file_atomically(golden, text));
  }
  EXPECT_EQ(text, read_file(golden).value_or(""));
}

}  // namespace
}  // namespace corun::training
