#include "workloads/inference/serving/batch.h"

#include <gtest/gtest.h>

namespace corun::inference {
namespace {

Signature model() {
  return {.name = "m",
          .platform = "test",
          .inputs = {{"x", DataType::kUint8, {-1}}, {"y", DataType::kUint8, {}}},
          .outputs = {{"z", DataType::kUint8, {-1}}, {"s", DataType::kBytes, {}}},
          .max_batch = 8};
}

InferRequest request(int64_t rows, const std::string& x, const std::string& y) {
  const auto width = static_cast<int64_t>(x.size()) / rows;
  return {.id = {},
          .inputs = {{"x", DataType::kUint8, {rows, width}, x}, {"y", DataType::kUint8, {rows}, y}},
          .outputs = {},
          .timeout = {}};
}

TEST(Batch, JoinsAlongTheFirstDimension) {
  InferRequest first = request(1, "ab", "1");
  InferRequest second = request(2, "cdef", "23");
  InferRequest* const both[] = {&first, &second};
  const std::vector<Tensor> inputs = joined(model(), both);
  ASSERT_EQ(inputs.size(), 2U);
  EXPECT_EQ(inputs[0], (Tensor{"x", DataType::kUint8, {3, 2}, "abcdef"}));
  EXPECT_EQ(inputs[1], (Tensor{"y", DataType::kUint8, {3}, "123"}));
}

TEST(Batch, OnlyEqualShapesShareAGroup) {
  EXPECT_EQ(batch_group(model(), request(1, "ab", "1")),
            batch_group(model(), request(2, "abcd", "12")));
  EXPECT_NE(batch_group(model(), request(1, "ab", "1")),
            batch_group(model(), request(1, "abc", "1")));
}

std::vector<Tensor> outputs(const std::string& z, std::initializer_list<const char*> strings) {
  Tensor s{"s", DataType::kBytes, {static_cast<int64_t>(strings.size())}, {}};
  for (const char* text : strings) append_string(s.bytes, text);
  const auto rows = static_cast<int64_t>(strings.size());
  return {{"z", DataType::kUint8, {rows, static_cast<int64_t>(z.size()) / rows}, z}, s};
}

TEST(Batch, SplitsFixedAndVariableElementsByRows) {
  const int64_t rows[] = {1, 2};
  const auto answers = split(model(), outputs("abcdef", {"one", "", "three"}), rows);
  ASSERT_TRUE(answers) << answers.error().text();
  EXPECT_EQ((*answers)[0], outputs("ab", {"one"}));
  EXPECT_EQ((*answers)[1], outputs("cdef", {"", "three"}));
}

TEST(Batch, OutputsThatBreakTheSignatureAreAnError) {
  const int64_t rows[] = {1, 1};
  auto wrong_rows = outputs("abc", {"a", "b", "c"});
  EXPECT_FALSE(split(model(), wrong_rows, rows));
  auto one_missing = outputs("ab", {"a", "b"});
  one_missing.pop_back();
  EXPECT_FALSE(split(model(), one_missing, rows));
  auto wrong_type = outputs("ab", {"a", "b"});
  wrong_type[0].type = DataType::kInt8;
  EXPECT_FALSE(split(model(), wrong_type, rows));
  auto short_of_bytes = outputs("ab", {"a", "b"});
  short_of_bytes[0].bytes.pop_back();
  const auto answers = split(model(), short_of_bytes, rows);
  ASSERT_FALSE(answers);
  EXPECT_NE(answers.error().what.find("model 'm': output 'z'"), std::string::npos);
}

}  // namespace
}  // namespace corun::inference
