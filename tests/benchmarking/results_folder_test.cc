#include "benchmarking/results_folder.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/files.h"

namespace corun::benchmarking {
namespace {

class ResultsFolder : public testing::Test {
 protected:
  ResultsFolder() : folder_(TemporaryFolder::create("corun-results-").value()) {}
  std::filesystem::path path(const char* name) const { return folder_.path() / name; }
  void write(const char* name, const std::string& text) {
    ASSERT_TRUE(write_file_atomically(path(name), text));
  }
  TemporaryFolder folder_;
};

std::string row_line() { return to_line(to_json(ResultRow{})); }

TEST_F(ResultsFolder, RowsAloneAreEnough) {
  write(kRowsFile, row_line() + "\n" + row_line() + "\n");
  auto results = load_results(folder_.path());
  ASSERT_TRUE(results) << results.error().text();
  EXPECT_EQ(results->rows.size(), 2u);
  EXPECT_TRUE(results->cells.empty());
  EXPECT_TRUE(results->env->is_object());
}

TEST_F(ResultsFolder, ALastLineThatWasCutOffIsDropped) {
  write(kRowsFile, row_line() + "\n" + row_line().substr(0, 40));
  auto results = load_results(folder_.path());
  ASSERT_TRUE(results) << results.error().text();
  EXPECT_EQ(results->rows.size(), 1u);
}

TEST_F(ResultsFolder, ABrokenLineIsNamedWithItsNumber) {
  write(kRowsFile, row_line() + "\n{\"schema\":1}\n");
  auto results = load_results(folder_.path());
  ASSERT_FALSE(results);
  EXPECT_EQ(results.error().text(), path(kRowsFile).string() + " line 2: row: missing key 'run'");
}

TEST_F(ResultsFolder, AFolderWithoutRowsSaysWhatToName) {
  auto results = load_results(folder_.path());
  ASSERT_FALSE(results);
  EXPECT_EQ(results.error().text(),
            folder_.path().string() + " has no rows.jsonl; name a results folder of corun bench");
}

TEST_F(ResultsFolder, SamplesComeBackTheSame) {
  const RequestSamples samples{{0, 1000}, {10, 1010}, {900, 2500}};
  const auto file = samples_path(folder_.path(), "mps/pair", "infer");
  EXPECT_EQ(file, folder_.path() / "samples" / "mps-pair.infer.csv");
  ASSERT_TRUE(write_samples(file, samples));
  auto back = read_samples(file);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->end_us, samples.end_us);
  EXPECT_EQ(back->scheduled_us, samples.scheduled_us);
}

TEST_F(ResultsFolder, ABrokenSampleIsNamedWithItsLine) {
  write("s.csv", "scheduled_us,start_us,end_us\n1,2,3\n1,2\n");
  EXPECT_EQ(read_samples(path("s.csv")).error().text(),
            path("s.csv").string() + " line 3: not three numbers");
}

}  // namespace
}  // namespace corun::benchmarking
