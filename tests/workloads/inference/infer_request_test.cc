// The inference protocol's requests: the published examples, and every way in which one can be
// wrong.
#include "workloads/inference/protocol/infer_request.h"

#include <gtest/gtest.h>

#include <cstring>

namespace corun::inference {
namespace {

template <typename T>
std::string bytes_of(std::initializer_list<T> values) {
  std::string bytes;
  for (const T value : values) bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  return bytes;
}

/// The published examples' model: UINT32 [2,2] and BOOL [3] to FP32 [3,2].
Signature mymodel() {
  return {.name = "mymodel",
          .platform = "test",
          .inputs = {{"input0", DataType::kUint32, {2, 2}}, {"input1", DataType::kBool, {3}}},
          .outputs = {{"output0", DataType::kFp32, {3, 2}}}};
}

TEST(InferRequest, ThePublishedJsonExample) {
  // The published one gives one element for input1's three; here there are three.
  const auto request = parse_infer_request(R"({
      "id" : "42",
      "inputs" : [
        {"name" : "input0", "shape" : [ 2, 2 ], "datatype" : "UINT32", "data" : [ 1, 2, 3, 4 ]},
        {"name" : "input1", "shape" : [ 3 ], "datatype" : "BOOL", "data" : [ true, false, true ]}
      ],
      "outputs" : [ {"name" : "output0"} ]
    })",
                                           std::nullopt);
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_EQ(request->id, "42");
  ASSERT_EQ(request->inputs.size(), 2U);
  EXPECT_EQ(request->inputs[0],
            (Tensor{"input0", DataType::kUint32, {2, 2}, bytes_of<uint32_t>({1, 2, 3, 4})}));
  EXPECT_EQ(request->inputs[1], (Tensor{"input1", DataType::kBool, {3}, std::string("\1\0\1", 3)}));
  EXPECT_EQ(request->outputs, (std::vector<RequestedOutput>{{"output0", false}}));
}

TEST(InferRequest, ThePublishedBinaryExample) {
  const std::string json = R"({
      "model_name" : "mymodel",
      "inputs" : [
        {"name" : "input0", "shape" : [ 2, 2 ], "datatype" : "UINT32",
         "parameters" : {"binary_data_size" : 16}},
        {"name" : "input1", "shape" : [ 3 ], "datatype" : "BOOL",
         "parameters" : {"binary_data_size" : 3}}
      ],
      "outputs" : [ {"name" : "output0", "parameters" : {"binary_data" : true}} ]
    })";
  const std::string data = bytes_of<uint32_t>({7, 8, 9, 10}) + std::string("\0\1\1", 3);
  auto request = parse_infer_request(json + data, json.size());
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_EQ(request->inputs[0].bytes, data.substr(0, 16));
  EXPECT_EQ(request->inputs[1].bytes, data.substr(16));
  EXPECT_TRUE(request->outputs[0].binary);
  EXPECT_EQ(fit_to_model(mymodel(), *request).value_or(-1), 1);
}

TEST(InferRequest, NestedDataIsRowMajor) {
  const auto request = parse_infer_request(
      R"({"inputs":[{"name":"x","shape":[2,3],"datatype":"INT8","data":[[1,2,3],[-1,-2,-3]]}]})",
      std::nullopt);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->inputs[0].bytes, bytes_of<int8_t>({1, 2, 3, -1, -2, -3}));
}

TEST(InferRequest, BinaryOutputsAndTimeoutAreParameters) {
  const auto request = parse_infer_request(
      R"({"parameters":{"binary_data_output":true,"timeout":2500,"priority":1},"inputs":[],
          "outputs":[{"name":"a"},{"name":"b","parameters":{"binary_data":false}}]})",
      std::nullopt);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->timeout, std::chrono::microseconds(2500));
  EXPECT_EQ(request->outputs, (std::vector<RequestedOutput>{{"a", true}, {"b", false}}));
}

TEST(InferRequest, ATimeoutOfNothingIsNone) {
  EXPECT_FALSE(
      parse_infer_request(R"({"parameters":{"timeout":0},"inputs":[]})", std::nullopt)->timeout);
}

struct Wrong {
  const char* name;
  const char* input;  ///< the only input's JSON
  const char* says;
};

class WrongInputs : public testing::TestWithParam<Wrong> {};

TEST_P(WrongInputs, AreToldInOneLine) {
  const auto request =
      parse_infer_request(std::string(R"({"inputs":[)") + GetParam().input + "]}", std::nullopt);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::kUsage);
  EXPECT_NE(request.error().text().find(GetParam().says), std::string::npos)
      << request.error().text();
  EXPECT_EQ(request.error().text().find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongInputs,
    testing::Values(
        Wrong{"no_object", "7", "input 0 is no object"},
        Wrong{"no_name", R"({"shape":[1],"datatype":"BOOL","data":[true]})", "'name' is missing"},
        Wrong{"name_no_string", R"({"name":1,"shape":[1],"datatype":"BOOL","data":[true]})",
              "'name' is no string"},
        Wrong{"no_shape", R"({"name":"x","datatype":"BOOL","data":[true]})",
              "input 'x': 'shape' is missing"},
        Wrong{"negative_size", R"({"name":"x","shape":[-1],"datatype":"BOOL","data":[true]})",
              "input 'x': 'shape' holds"},
        Wrong{"broken_size", R"({"name":"x","shape":[1.5],"datatype":"BOOL","data":[true]})",
              "input 'x': 'shape' holds"},
        Wrong{"endless_shape",
              R"({"name":"x","shape":[4294967296,4294967296],"datatype":"BOOL","data":[]})",
              "too many elements"},
        Wrong{"no_datatype", R"({"name":"x","shape":[1],"data":[true]})", "'datatype' is missing"},
        Wrong{"unknown_datatype", R"({"name":"x","shape":[1],"datatype":"FP8","data":[1]})",
              "input 'x': unknown datatype 'FP8'"},
        Wrong{"no_data", R"({"name":"x","shape":[1],"datatype":"BOOL"})",
              "neither 'data' nor 'binary_data_size'"},
        Wrong{"data_no_array", R"({"name":"x","shape":[1],"datatype":"FP32","data":1})",
              "'data' is no array"},
        Wrong{"too_few", R"({"name":"x","shape":[3],"datatype":"BOOL","data":[true]})",
              "'data' has 1 elements, its shape [3] has 3"},
        Wrong{"too_many", R"({"name":"x","shape":[1],"datatype":"FP32","data":[1,2]})",
              "'data' has 2 elements, its shape [1] has 1"},
        Wrong{"too_deep", R"({"name":"x","shape":[1],"datatype":"FP32","data":[[1]]})",
              "nested deeper"},
        Wrong{"wrong_element", R"({"name":"x","shape":[2],"datatype":"FP32","data":[1,"a"]})",
              "element 2 of 'data' is no FP32"},
        Wrong{"out_of_range", R"({"name":"x","shape":[1],"datatype":"UINT8","data":[256]})",
              "element 1 of 'data' is no UINT8"},
        Wrong{"negative_unsigned", R"({"name":"x","shape":[1],"datatype":"UINT64","data":[-1]})",
              "is no UINT64"},
        Wrong{"float_too_large", R"({"name":"x","shape":[1],"datatype":"FP32","data":[1e39]})",
              "is no FP32"},
        Wrong{"bool_as_number", R"({"name":"x","shape":[1],"datatype":"BOOL","data":[1]})",
              "is no BOOL"},
        Wrong{"fp16_as_json", R"({"name":"x","shape":[1],"datatype":"FP16","data":[1]})",
              "FP16 has no JSON form"},
        Wrong{"both", R"({"name":"x","shape":[1],"datatype":"BOOL","data":[true],
                          "parameters":{"binary_data_size":1}})",
              "both 'data' and 'binary_data_size'"},
        Wrong{"truncated", R"({"name":"x","shape":[1],"datatype":"BOOL",
                               "parameters":{"binary_data_size":1}})",
              "the binary data has 0 bytes left, binary_data_size is 1"},
        Wrong{"size_no_number", R"({"name":"x","shape":[1],"datatype":"BOOL",
                                    "parameters":{"binary_data_size":"1"}})",
              "'binary_data_size' is no whole number"},
        Wrong{"parameters_no_object", R"({"name":"x","shape":[1],"datatype":"BOOL",
                                          "parameters":[1]})",
              "'parameters' is no object"}),
    [](const auto& test) { return test.param.name; });

struct WrongBody {
  const char* name;
  std::string body;
  std::optional<uint64_t> json_bytes;
  const char* says;
};

class WrongBodies : public testing::TestWithParam<WrongBody> {};

TEST_P(WrongBodies, AreToldInOneLine) {
  const auto request = parse_infer_request(GetParam().body, GetParam().json_bytes);
  ASSERT_FALSE(request);
  EXPECT_NE(request.error().text().find(GetParam().says), std::string::npos)
      << request.error().text();
}

std::string binary_input(int size) {
  return R"({"inputs":[{"name":"x","shape":[4],"datatype":"UINT8",)"
         R"("parameters":{"binary_data_size":)" +
         std::to_string(size) + "}}]}";
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongBodies,
    testing::Values(
        WrongBody{"empty", "", {}, "not JSON"}, WrongBody{"cut", R"({"inputs":[)", {}, "not JSON"},
        WrongBody{"an_array", "[]", {}, "no JSON object"},
        WrongBody{"no_inputs", "{}", {}, "'inputs' is missing"},
        WrongBody{"inputs_no_array", R"({"inputs":{}})", {}, "'inputs' is missing or no array"},
        WrongBody{"id_no_string", R"({"id":7,"inputs":[]})", {}, "'id' is no string"},
        WrongBody{"outputs_no_array", R"({"inputs":[],"outputs":1})", {}, "'outputs' is no array"},
        WrongBody{"output_without_name", R"({"inputs":[],"outputs":[{}]})", {}, "output 0: 'name'"},
        WrongBody{"flag_no_boolean",
                  R"({"inputs":[],"parameters":{"binary_data_output":1}})",
                  {},
                  "'binary_data_output' is no boolean"},
        WrongBody{"negative_timeout",
                  R"({"inputs":[],"parameters":{"timeout":-1}})",
                  {},
                  "'timeout' is no whole number"},
        WrongBody{"deep", std::string(100, '['), {}, "nested deeper than 24"},
        WrongBody{"header_beyond_body", "{}", 3, "Inference-Header-Content-Length is 3"},
        WrongBody{"binary_short", binary_input(4) + "abc", binary_input(4).size(),
                  "has 3 bytes left, binary_data_size is 4"},
        WrongBody{"binary_of_another_size", binary_input(3) + "abc", binary_input(3).size(),
                  "3 bytes instead of 4 (4 elements of UINT8)"},
        WrongBody{"bytes_left_over", binary_input(4) + "abcde", binary_input(4).size(),
                  "1 bytes after the JSON belong to no input"}),
    [](const auto& test) { return test.param.name; });

TEST(InferRequest, StringsTravelAsJsonAndAsLengthsWithBytes) {
  std::string expected;
  append_string(expected, "ab");
  append_string(expected, "");
  const auto request = parse_infer_request(
      R"({"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","data":["ab",""]}]})", std::nullopt);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->inputs[0].bytes, expected);
  EXPECT_TRUE(check_bytes(DataType::kBytes, 2, expected));
  EXPECT_FALSE(check_bytes(DataType::kBytes, 3, expected));
  EXPECT_FALSE(check_bytes(DataType::kBytes, 2, expected.substr(0, expected.size() - 1)));
  EXPECT_FALSE(check_bytes(DataType::kBytes, 1, std::string("\7\0\0\0abc", 7)));
}

/// A request with these inputs, by name, type and shape; their bytes do not matter here.
InferRequest with(std::vector<Tensor> inputs, std::vector<RequestedOutput> outputs = {}) {
  return {.id = {}, .inputs = std::move(inputs), .outputs = std::move(outputs), .timeout = {}};
}

Signature batched() {
  return {.name = "b",
          .platform = "test",
          .inputs = {{"x", DataType::kFp32, {-1, 3}}, {"y", DataType::kInt64, {}}},
          .outputs = {{"z", DataType::kFp32, {}}, {"w", DataType::kFp32, {}}},
          .max_batch = 4};
}

TEST(FitToModel, InputsMayComeInAnyOrder) {
  InferRequest request =
      with({{"y", DataType::kInt64, {2}, ""}, {"x", DataType::kFp32, {2, 9, 3}, ""}});
  ASSERT_EQ(fit_to_model(batched(), request).value_or(-1), 2);
  EXPECT_EQ(request.inputs[0].name, "x");
  EXPECT_EQ(request.outputs, (std::vector<RequestedOutput>{{"z", false}, {"w", false}}));
}

struct Unfit {
  const char* name;
  std::vector<Tensor> inputs;
  std::vector<RequestedOutput> outputs;
  const char* says;
};

class UnfitRequests : public testing::TestWithParam<Unfit> {};

TEST_P(UnfitRequests, AreToldInOneLine) {
  InferRequest request = with(GetParam().inputs, GetParam().outputs);
  const auto rows = fit_to_model(batched(), request);
  ASSERT_FALSE(rows);
  EXPECT_NE(rows.error().text().find(GetParam().says), std::string::npos) << rows.error().text();
}

const Tensor kX{"x", DataType::kFp32, {2, 1, 3}, ""};
const Tensor kY{"y", DataType::kInt64, {2}, ""};

INSTANTIATE_TEST_SUITE_P(
    All, UnfitRequests,
    testing::Values(
        Unfit{"missing_input", {kX}, {}, "input 'y' is missing"},
        Unfit{"unknown_input", {kX, kY, {"v", DataType::kBool, {2}, ""}}, {}, "takes no input 'v'"},
        Unfit{"input_twice", {kX, kY, kX}, {}, "takes no input 'x', or not twice"},
        Unfit{"wrong_type",
              {{"x", DataType::kFp64, {2, 1, 3}, ""}, kY},
              {},
              "input 'x': datatype is FP64, the model takes FP32"},
        Unfit{"wrong_shape",
              {{"x", DataType::kFp32, {2, 1, 4}, ""}, kY},
              {},
              "input 'x': shape is [2,1,4], the model takes [-1,-1,3]"},
        Unfit{"wrong_rank",
              {{"x", DataType::kFp32, {2, 3}, ""}, kY},
              {},
              "shape is [2,3], the model takes [-1,-1,3]"},
        Unfit{"two_batch_sizes",
              {kX, {"y", DataType::kInt64, {3}, ""}},
              {},
              "input 'x' has batch size 2, input 'y' has 3"},
        Unfit{"batch_too_large",
              {{"x", DataType::kFp32, {5, 1, 3}, ""}, {"y", DataType::kInt64, {5}, ""}},
              {},
              "batch size 5; model 'b' takes 1 to 4"},
        Unfit{"empty_batch",
              {{"x", DataType::kFp32, {0, 1, 3}, ""}, {"y", DataType::kInt64, {0}, ""}},
              {},
              "batch size 0"},
        Unfit{"unknown_output", {kX, kY}, {{"u", false}}, "model 'b' has no output 'u'"}),
    [](const auto& test) { return test.param.name; });

TEST(InferRequest, WholeNumbersMayHaveABound) {
  const Signature bounded{
      .name = "m",
      .platform = "test",
      .inputs = {{"a", DataType::kInt64, {2}, 10}, {"b", DataType::kInt32, {1}, 3}},
      .outputs = {}};
  const auto fit = [&](const std::string& a, const std::string& b) {
    InferRequest request;
    request.inputs = {{"a", DataType::kInt64, {2}, a}, {"b", DataType::kInt32, {1}, b}};
    return fit_to_model(bounded, request);
  };
  EXPECT_TRUE(fit(bytes_of<int64_t>({0, 9}), bytes_of<int32_t>({2})));
  const auto large = fit(bytes_of<int64_t>({0, 10}), bytes_of<int32_t>({2}));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().what, "input 'a' has the value 10; model 'm' takes 0 to 9");
  EXPECT_FALSE(fit(bytes_of<int64_t>({-1, 0}), bytes_of<int32_t>({2})));
  EXPECT_FALSE(fit(bytes_of<int64_t>({0, 0}), bytes_of<int32_t>({3})));
  EXPECT_FALSE(fit(bytes_of<int64_t>({0, 0}), bytes_of<int32_t>({-1})));
}

}  // namespace
}  // namespace corun::inference
