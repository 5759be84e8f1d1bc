#include "workloads/inference/protocol/infer_response.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "workloads/inference/protocol/tensor_json.h"

namespace corun::inference {
namespace {

template <typename T>
Tensor tensor(DataType type, std::vector<T> values) {
  Tensor result{"t", type, {static_cast<int64_t>(values.size())}, {}};
  for (const T value : values) {
    result.bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return result;
}

std::string json_of(const Tensor& tensor) {
  std::string json;
  const Status appended = append_json(json, tensor);
  return appended ? json : appended.error().text();
}

TEST(TensorJson, WritesEachTypeAsItReadsIt) {
  EXPECT_EQ(json_of(tensor<uint8_t>(DataType::kUint8, {0, 255})), "[0,255]");
  EXPECT_EQ(json_of(tensor<int8_t>(DataType::kInt8, {-128, 127})), "[-128,127]");
  EXPECT_EQ(json_of(tensor<uint16_t>(DataType::kUint16, {65535})), "[65535]");
  EXPECT_EQ(json_of(tensor<int16_t>(DataType::kInt16, {-32768})), "[-32768]");
  EXPECT_EQ(json_of(tensor<uint32_t>(DataType::kUint32, {4294967295U})), "[4294967295]");
  EXPECT_EQ(json_of(tensor<int32_t>(DataType::kInt32, {-7})), "[-7]");
  EXPECT_EQ(json_of(tensor<uint64_t>(DataType::kUint64, {UINT64_MAX})), "[18446744073709551615]");
  EXPECT_EQ(json_of(tensor<int64_t>(DataType::kInt64, {INT64_MIN})), "[-9223372036854775808]");
  EXPECT_EQ(json_of(tensor<float>(DataType::kFp32, {1.1F, -0.5F, 1e30F})), "[1.1,-0.5,1e+30]");
  EXPECT_EQ(json_of(tensor<double>(DataType::kFp64, {0.1})), "[0.1]");
  EXPECT_EQ(json_of(Tensor{"t", DataType::kBool, {2}, std::string("\0\1", 2)}), "[false,true]");
  EXPECT_EQ(json_of(Tensor{"t", DataType::kFp32, {0}, ""}), "[]");
}

TEST(TensorJson, WhatJsonHasNoNameForIsNull) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(json_of(tensor<float>(DataType::kFp32, {std::nanf(""), infinity, 1})), "[null,null,1]");
}

TEST(TensorJson, StringsAreEscaped) {
  Tensor strings{"t", DataType::kBytes, {2}, {}};
  append_string(strings.bytes, "a\"b");
  append_string(strings.bytes, "\n");
  EXPECT_EQ(json_of(strings), R"(["a\"b","\n"])");
}

TEST(TensorJson, HalfPrecisionNeedsBinaryData) {
  EXPECT_NE(json_of(Tensor{"t", DataType::kFp16, {1}, "ab"}).find("binary"), std::string::npos);
}

Signature mymodel() {
  return {.name = "mymodel",
          .platform = "test",
          .inputs = {},
          .outputs = {{"output0", DataType::kFp32, {3, 2}}, {"output1", DataType::kUint8, {2}}}};
}

TEST(InferBody, ThePublishedJsonAnswer) {
  Tensor output = tensor<float>(DataType::kFp32, {1.0F, 1.1F, 2.0F, 2.1F, 3.0F, 3.1F});
  output.name = "output0";
  output.shape = {3, 2};
  const auto body = infer_body(mymodel(), "42", {{"output0", false}}, {output});
  ASSERT_TRUE(body);
  EXPECT_EQ(body->bytes,
            R"({"model_name":"mymodel","model_version":"1","id":"42","outputs":[)"
            R"({"name":"output0","datatype":"FP32","shape":[3,2],"data":[1,1.1,2,2.1,3,3.1]}]})");
  EXPECT_FALSE(body->json_bytes);
}

TEST(InferBody, BinaryOutputsFollowTheJsonInTheOrderAskedFor) {
  const Tensor first{"output0", DataType::kFp32, {1}, "abcd"};
  const Tensor second{"output1", DataType::kUint8, {2}, "yz"};
  const auto body =
      infer_body(mymodel(), {}, {{"output1", true}, {"output0", true}}, {first, second});
  ASSERT_TRUE(body);
  ASSERT_TRUE(body->json_bytes);
  EXPECT_EQ(body->bytes.substr(*body->json_bytes), "yzabcd");
  EXPECT_EQ(
      body->bytes.substr(0, *body->json_bytes),
      R"({"model_name":"mymodel","model_version":"1","outputs":[)"
      R"({"name":"output1","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}},)"
      R"({"name":"output0","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]})");
}

TEST(Metadata, ABatchedModelTellsItsBatchDimension) {
  const Signature model{.name = "m",
                        .platform = "p",
                        .inputs = {{"x", DataType::kFp32, {-1, 3}}},
                        .outputs = {{"y", DataType::kInt64, {}}},
                        .max_batch = 8};
  EXPECT_EQ(model_metadata(model),
            R"({"inputs":[{"datatype":"FP32","name":"x","shape":[-1,-1,3]}],"name":"m",)"
            R"("outputs":[{"datatype":"INT64","name":"y","shape":[-1]}],"platform":"p",)"
            R"("versions":["1"]})");
}

TEST(Metadata, AnErrorIsOneLine) { EXPECT_EQ(error_body("a\nb"), R"({"error":"a?b"})"); }

}  // namespace
}  // namespace corun::inference
