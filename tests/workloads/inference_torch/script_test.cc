// TorchScript files: what they tell of themselves, and each way in which one can be wrong.
#include "workloads/inference/torch/script.h"

#include <gtest/gtest.h>

#include "core/files.h"

namespace corun::inference {

// Written by script/write_script_main.cc's way, in this process.
void write_script_file(const std::filesystem::path& path, const std::string& source);

namespace {

class Scripts : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& body) {
    const std::filesystem::path path = folder_.path() / "mine.pt";
    write_script_file(path, body);
    return path;
  }
  std::filesystem::path beside(const std::string& json) {
    const std::filesystem::path path = folder_.path() / "mine.json";
    EXPECT_TRUE(write_file_atomically(path, json));
    return path;
  }
  static void refused(const ScriptOptions& options, const std::string& says) {
    const auto plan = script_plan(options);
    ASSERT_FALSE(plan);
    EXPECT_NE(plan.error().text().find(says), std::string::npos) << plan.error().text();
    EXPECT_EQ(plan.error().text().find('\n'), std::string::npos);
  }

  TemporaryFolder folder_ = TemporaryFolder::create("corun-script-").value();
};

TEST_F(Scripts, OneRunTellsTheOutputs) {
  const auto file = write("def forward(self, x, n):\n    return x.sum(1), n > 1, n");
  const auto plan = script_plan(
      {.file = file, .inputs = {{"x", DataType::kFp32, {3}}, {"n", DataType::kInt64, {2, 2}}}});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->outputs, (std::vector<TensorSpec>{{"OUTPUT0", DataType::kFp32, {}},
                                                    {"OUTPUT1", DataType::kBool, {2, 2}},
                                                    {"OUTPUT2", DataType::kInt64, {2, 2}}}));
}

TEST_F(Scripts, InputsStandBesideTheFile) {
  const auto file = write("def forward(self, x):\n    return x");
  EXPECT_EQ(script_plan({.file = file})->inputs,
            (std::vector<TensorSpec>{{"INPUT0", DataType::kFp32, {-1}}}));
  beside(R"({"inputs": [{"datatype": "INT64", "shape": [4, 2], "below": 7}]})");
  EXPECT_EQ(script_plan({.file = file})->inputs,
            (std::vector<TensorSpec>{{"INPUT0", DataType::kInt64, {4, 2}, 7}}));
}

TEST_F(Scripts, WhatIsNoFileOfItsKind) {
  const std::filesystem::path file = folder_.path() / "mine.pt";
  refused({.file = file}, "there is no file");
  ASSERT_TRUE(write_file_atomically(file, "no archive"));
  refused({.file = file}, "mine.pt: ");
  write("def forward(self, x):\n    return x");
  const std::string whole = read_file(file).value();
  ASSERT_TRUE(write_file_atomically(file, whole.substr(0, whole.size() - 300)));
  refused({.file = file}, "mine.pt: ");
}

TEST_F(Scripts, WhatDoesSomethingElse) {
  refused({.file = write("def forward(self, x, y):\n    return x")}, "mine.pt: ");
  refused({.file = write("def forward(self, x):\n    return 3")}, "neither a tensor nor a tuple");
  refused({.file = write("def forward(self, x):\n    return x.sum()")}, "use max-batch=0");
  refused({.file = write("def forward(self, x):\n    return x.to(9)")}, "protocol has no tensors");
}

TEST_F(Scripts, DescriptionsThatAreWrong) {
  const std::pair<const char*, const char*> wrong[] = {
      {"[]", "it has no list 'inputs'"},
      {R"({"inputs": [3]})", "an input is no object"},
      {R"({"inputs": [{"datatype": "FP32"}]})", "shape"},
      {R"({"inputs": [{"datatype": "FP33", "shape": []}]})", "no tensors of FP33"},
      {R"({"inputs": [{"datatype": "BYTES", "shape": []}]})", "no tensors of BYTES"},
      {R"({"inputs": [{"datatype": "FP32", "shape": [-2]}]})", "whole number"},
      {R"({"inputs": [{"datatype": "FP32", "shape": [1.5]}]})", "whole number"},
      {R"({"inputs": [{"datatype": "FP32", "shape": 3}]})", "no list of sizes"},
      {R"({"inputs": [{"datatype": "FP32", "shape": [], "below": 3}]})", "INT32 and INT64"}};
  for (const auto& [json, says] : wrong) {
    const auto specs = read_script_inputs(beside(json));
    ASSERT_FALSE(specs) << json;
    EXPECT_NE(specs.error().text().find(says), std::string::npos) << specs.error().text();
    EXPECT_NE(specs.error().text().find("mine.json"), std::string::npos);
  }
}

}  // namespace
}  // namespace corun::inference
