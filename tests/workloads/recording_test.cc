#include "workloads/synthetic/recording.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/json.h"

namespace corun::synthetic {
namespace {

const std::string kRecordings = CORUN_SOURCE_DIR "/tests/workloads/recordings";

Json request() { return read_json_file(kRecordings + "/handwritten-request.json").value(); }

TEST(Recording, IsReadWithItsKernelsCopiesAndSteps) {
  const auto read = load_recording(kRecordings + "/handwritten-request.json", "/nowhere");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->name, "handwritten-request");
  EXPECT_EQ(read->kind, WorkloadKind::kInference);
  EXPECT_TRUE(read->graph);
  EXPECT_EQ(read->gpu.sm_count, 100U);
  ASSERT_EQ(read->steps.size(), 3U);
  ASSERT_EQ(read->steps[0].ops.size(), 32U);
  const RecordedOp& copy = read->steps[0].ops.front();
  EXPECT_EQ(copy.kind, OpKind::kCopyIn);
  EXPECT_EQ(copy.bytes, 150528U);
  EXPECT_EQ(copy.launch_us, 5);
  EXPECT_EQ(read->steps[0].ops.back().kind, OpKind::kCopyOut);
  const RecordedOp& kernel = read->steps[1].ops[1];
  EXPECT_EQ(read->shapes[kernel.shape].grid_blocks, 100U);
  EXPECT_EQ(read->shapes[kernel.shape].block_threads, 384U);
  EXPECT_EQ(kernel.duration_us, 48);
}

TEST(Recording, IsReadAsTheRecorderWritesIt) {  // recording_test.py holds the file to the recorder
  const auto read = load_recording(kRecordings + "/handwritten-trace.json", "/nowhere");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_FALSE(read->graph);
  ASSERT_EQ(read->steps.size(), 2U);
  EXPECT_EQ(read->steps[0].ops.size(), 2U);
  const RecordedOp& kernel = read->steps[1].ops[0];
  EXPECT_EQ(read->shapes[kernel.shape].grid_blocks, 144U);
  EXPECT_EQ(kernel.launch_us, 205);
  EXPECT_EQ(read->steps[1].ops[2].kind, OpKind::kSet);
  EXPECT_EQ(read->steps[1].ops[2].bytes, 4096U);
}

TEST(Recording, WithoutAnSmsLimitsThoseOfItsGenerationHold) {
  Json root = request();
  root["gpu"]["threads_per_sm"] = nullptr;
  root["gpu"].erase("registers_per_sm");
  const auto read = parse_recording(to_line(root), "r.json");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->gpu.threads_per_sm, 2048U);
  EXPECT_EQ(read->gpu.registers_per_sm, 65536U);
}

TEST(Recording, ClocksThatWereMatchedMayDifferALittle) {
  Json root = request();
  root["steps"][0]["ops"][0][4] = -1.5;
  const auto read = parse_recording(to_line(root), "r.json");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->steps[0].ops[0].start_us, -1.5);
}

struct BadRecording {
  const char* pointer;  // into the JSON
  Json value;
  const char* what;
};

TEST(Recording, EachWrongValueIsTold) {
  const BadRecording cases[] = {
      {"/format", "trace", "not a corun-recording of version 1"},
      {"/version", 2, "not a corun-recording of version 1"},
      {"/kind", "notebook", "kind: not inference or training"},
      {"/mode", "lazy", "mode: not graph or eager"},
      {"/batch", 0, "batch: not from 1"},
      {"/batch", -1, "batch"},
      {"/step_us", 0, "step_us: is 0"},
      {"/step_us", "600", "step_us: not a time"},
      {"/gpu/sm_count", 0, "gpu: sm_count"},
      {"/gpu/threads_per_sm", 0, "gpu: threads_per_sm is 0"},
      {"/shapes/1", Json::array({"k"}), "shape 1: not [name"},
      {"/shapes/1/1", Json::array({0, 1, 1}), "shape 1: grid: no size"},
      {"/shapes/1/1", Json::array({1U << 31, 1U << 31, 1U << 31}), "shape 1: grid: no size"},
      {"/shapes/1/2", Json::array({2048, 1, 1}), "more than 1024 threads"},
      {"/steps", Json::array(), "steps: none"},
      {"/steps/0/ops", Json::array(), "step 0: no kernel"},
      {"/steps/0/host", Json::array({1}), "step 0: host: not two times"},
      {"/steps/1/ops/3", Json::array({"k", 0}), "step 1: op 3: not 6 or 8 columns"},
      {"/steps/1/ops/3/0", "x", "step 1: op 3: neither k nor c nor s"},
      {"/steps/1/ops/3/1", 4, "step 1: op 3: shape: not a whole number up to 3"},
      {"/steps/1/ops/3/5", -1.0, "step 1: op 3: duration: not a time"},
      {"/steps/1/ops/0/2", -5, "step 1: op 0: bytes"},
      {"/steps/1/ops/3/4", "soon", "step 1: op 3: start: not an offset"},
  };
  for (const BadRecording& bad : cases) {
    Json root = request();
    root[Json::json_pointer(bad.pointer)] = bad.value;
    const auto read = parse_recording(to_line(root), "r.json");
    ASSERT_FALSE(read) << bad.pointer;
    EXPECT_EQ(read.error().kind, ErrorKind::kUsage);
    EXPECT_TRUE(read.error().what.starts_with("r.json: ")) << read.error().what;
    EXPECT_NE(read.error().what.find(bad.what), std::string::npos) << read.error().what;
  }
  for (const char* text : {"", "[]", "{}", "null", "{\"format\": 3}"}) {
    EXPECT_FALSE(parse_recording(text, "r.json")) << text;
  }
}

TEST(Recording, WhatIsMissingIsTold) {
  for (const char* key : {"name", "kind", "batch", "step_us", "gpu", "shapes", "steps"}) {
    Json root = request();
    root.erase(key);
    const auto read = parse_recording(to_line(root), "r.json");
    ASSERT_FALSE(read) << key;
    EXPECT_NE(read.error().what.find(key), std::string::npos) << read.error().what;
  }
}

TEST(Recording, AProfileIsFoundByItsName) {
  const TemporaryFolder folder = TemporaryFolder::create("corun-profiles-").value();
  const auto none = find_recording("bert-base", folder.path());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().text(), "no profile 'bert-base': " + folder.path().string() +
                                     " has none; record it on a GPU (docs/profiles.md) or give a "
                                     "file");
  std::ofstream(folder.path() / "bert-base.json") << "{}";
  EXPECT_EQ(find_recording("bert-base", folder.path()).value(), folder.path() / "bert-base.json");
  EXPECT_EQ(find_recording("bert-bose", folder.path()).error().todo, "did you mean 'bert-base'?");
  EXPECT_EQ(find_recording("train-resnet50", folder.path()).error().todo,
            "give a file, or one of: bert-base");
  EXPECT_EQ(find_recording("a/b", folder.path()).value(), "a/b");
  EXPECT_EQ(find_recording("b.json", folder.path()).value(), "b.json");
}

}  // namespace
}  // namespace corun::synthetic
