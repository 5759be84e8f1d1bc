#include <gtest/gtest.h>

#include "workloads/inference/models/kinds.h"
#include "workloads/inference/models/plain.h"
#include "workloads/inference/models/spec.h"
#include "workloads/inference/server/options.h"

namespace corun::inference {
namespace {

TEST(ModelSpec, NameKindAndSettings) {
  const auto spec = parse_model_spec("m=echo,delay=1ms,preferred=4:8");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->name, "m");
  EXPECT_EQ(spec->kind, "echo");
  EXPECT_EQ(spec->settings,
            (std::map<std::string, std::string>{{"delay", "1ms"}, {"preferred", "4:8"}}));
}

TEST(ModelSpec, AKindAloneIsItsName) { EXPECT_EQ(parse_model_spec("add,queue=7")->name, "add"); }

TEST(ModelSpec, WrongOnesAreUsageErrors) {
  for (const char* text : {"", "=echo", "m=", "m=echo,delay", "m=echo,=1",
                           "m=echo,delay=", "m=echo,delay=1ms,delay=2ms", "m=echo,,", "m=echo,"}) {
    const auto spec = parse_model_spec(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().kind, ErrorKind::kUsage);
  }
}

Result<MadeModel> made(const char* text) {
  return make_model(parse_model_spec(text).value(), model_kinds());
}

TEST(ModelKinds, RulesOfTheQueueAreEveryKindsSettings) {
  const auto model = made("m=add,delay=3ms,preferred=2:6,queue=9,max-batch=16");
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->rules.max_delay, std::chrono::milliseconds(3));
  EXPECT_EQ(model->rules.preferred, (std::vector<int64_t>{2, 6}));
  EXPECT_EQ(model->rules.max_queue, 9U);
  EXPECT_EQ(std::get<std::unique_ptr<Model>>(model->model)->signature().max_batch, 16);
}

TEST(ModelKinds, WrongSettingsAreToldByModelAndName) {
  const std::pair<const char*, const char*> cases[] = {
      {"m=nothing", "model 'm': there is no kind 'nothing'; use one of echo, "},
      {"m=add,colour=red", "model 'm': a model of kind 'add' has no setting 'colour'"},
      {"m=echo,takes=5", "model 'm': setting 'takes': "},
      {"m=echo,queue=0", "setting 'queue': '0' is no whole number from 1"},
      {"m=echo,max-batch=1e3", "setting 'max-batch': '1e3' is no whole number"},
      {"m=echo,preferred=4:", "setting 'preferred': '4:' is no list"},
      {"m=echo,preferred=0", "setting 'preferred'"},
      {"m=echo,tensors=FP32:", "setting 'tensors': 'FP32:' is no tensor"},
      {"m=echo,tensors=FP32:2y2", "setting 'tensors'"},
      {"m=echo,tensors=FP32:-2", "setting 'tensors'"},
      {"m=echo,tensors=+", "setting 'tensors'"},
  };
  for (const auto& [text, says] : cases) {
    const auto model = made(text);
    ASSERT_FALSE(model) << text;
    EXPECT_EQ(model.error().kind, ErrorKind::kUsage);
    EXPECT_NE(model.error().text().find(says), std::string::npos) << model.error().text();
  }
}

TEST(TensorSpecs, AreTypesWithSizes) {
  EXPECT_EQ(*parse_tensor_specs("UINT32:2x2+BOOL:-1+BYTES", "IN"),
            (std::vector<TensorSpec>{{"IN0", DataType::kUint32, {2, 2}},
                                     {"IN1", DataType::kBool, {-1}},
                                     {"IN2", DataType::kBytes, {}}}));
}

TEST(ModelKinds, AFileNamesItsKind) {
  std::string file;
  std::vector<ModelKind> kinds{echo_kind()};
  kinds.push_back({.name = "script",
                   .about = "",
                   .settings = "",
                   .make = [&](const ModelSpec&, uint64_t, Settings& settings)
                       -> std::variant<std::unique_ptr<Model>, std::unique_ptr<TextModel>> {
                     settings.get("file", file);
                     return std::unique_ptr<Model>();
                   },
                   .file_ending = ".pt"});
  EXPECT_TRUE(make_model(parse_model_spec("m=some/where.pt").value(), kinds));
  EXPECT_EQ(file, "some/where.pt");
  EXPECT_TRUE(make_model(parse_model_spec("m=script,file=other").value(), kinds));
  EXPECT_EQ(file, "other");
  EXPECT_FALSE(make_model(parse_model_spec("m=some/where.onnx").value(), kinds));
}

ServerProgram with_defaults() {
  ModelKind takes = repeat_kind();
  takes.takes_defaults = true;
  return {.name = "program",
          .kinds = {takes, echo_kind()},
          .defaults = {{"--takes", "takes"}, {"--slow", "delay", "1s"}}};
}

TEST(ServerOptions, DefaultsAreForModelsThatTakeThemAndHaveNone) {
  const char* const words[] = {"program", "--model", "a=repeat", "--model", "b=repeat,takes=5ms",
                               "--model", "e=echo",  "--takes",  "1ms",     "--slow"};
  const auto options = parse_server_options(with_defaults(), std::size(words), words);
  ASSERT_TRUE(options) << options.error().text();
  const std::vector<ModelSpec>& models = (*options)->models;
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ(models[0].settings, (Map{{"takes", "1ms"}, {"delay", "1s"}}));
  EXPECT_EQ(models[1].settings, (Map{{"takes", "5ms"}, {"delay", "1s"}}));
  EXPECT_EQ(models[2].settings, Map());
}

TEST(ServerOptions, MeasureIsAnOptionOfProgramsThatCan) {
  const char* const words[] = {"program", "--model", "a=repeat", "--measure", "2s"};
  ServerProgram program = with_defaults();
  EXPECT_FALSE(parse_server_options(program, std::size(words), words));
  program.measure = [](const ServerOptions&) { return Status(); };
  const auto options = parse_server_options(program, std::size(words), words);
  ASSERT_TRUE(options) << options.error().text();
  EXPECT_EQ((*options)->measure, std::chrono::seconds(2));
}

}  // namespace
}  // namespace corun::inference
