#include "workloads/training/program/training.h"

#include <fmt/format.h>

#include <cmath>

namespace corun::training {

namespace {

/// Steps that a GPU has at once: the next one is there when one is done.
constexpr size_t kAtOnce = 2;
}  // namespace

Result<std::unique_ptr<Training>> Training::open(const TrainOptions& options) {
  std::unique_ptr<Training> training(new Training(options));
  std::optional<Checkpoint> checkpoint;
  if (!options.resume.empty()) {
    CORUN_ASSIGN(checkpoint, Checkpoint::open(options.resume));
    CORUN_ASSIGN(training->options_.seed, checkpoint->number("seed"));
    CORUN_ASSIGN(training->first_sample_, checkpoint->number("samples"));
  }
  CORUN_TRY(training->open_data());
  CORUN_ASSIGN(training->trainer_, Trainer::create({.spec = options.spec,
                                                    .images = training->images_,
                                                    .device = options.device,
                                                    .precision = options.precision,
                                                    .learning_rate = options.spec.learning_rate,
                                                    .seed = training->options_.seed,
                                                    .threads = options.threads}));
  if (checkpoint) CORUN_TRY(training->trainer_->restore(*checkpoint));
  training->first_step_ = training->trainer_->steps();
  training->written_ = training->first_step_;
  CORUN_TRY(training->make_loader());
  return training;
}

Status Training::open_data() {
  const ModelSpec& spec = options_.spec;
  std::filesystem::path path = options_.data;
  uint32_t token_bytes = options_.token_bytes;
  if (path.empty()) {
    CORUN_ASSIGN(generated_, TemporaryFolder::create("corun-train-"));
    path = generated_->path() / "samples";
    token_bytes = 2;
    const ResnetSpec& images = spec.resnet;
    const ImageFormat format{3, images.image_side, images.image_side, images.classes};
    CORUN_TRY(spec.images ? generate_images(path, format, images.images, options_.seed)
                          : generate_tokens(path, spec.transformer.vocabulary,
                                            spec.transformer.tokens, options_.seed));
  }
  if (spec.images) {
    CORUN_ASSIGN(ImageSet set, ImageSet::open(path, options_.seed));
    images_ = set.format();
    source_ = std::make_unique<ImageSet>(std::move(set));
    return {};
  }
  const TokenOptions tokens{.token_bytes = token_bytes,
                            .vocabulary = spec.transformer.vocabulary,
                            .sequence = spec.transformer.sequence,
                            .objective = spec.transformer.objective};
  CORUN_ASSIGN(TokenSet set, TokenSet::open(path, tokens, options_.seed));
  source_ = std::make_unique<TokenSet>(std::move(set));
  return {};
}

Status Training::make_loader() {
  Status status;
  const auto allocate = [&](size_t bytes) -> HostMemory {
    auto memory = trainer_->host_memory(bytes);
    if (memory) return *memory;
    status = memory.error();
    return HostMemory(new std::byte[bytes], std::default_delete<std::byte[]>());
  };
  const LoaderOptions loader{.batch = options_.spec.batch,
                             .workers = options_.workers,
                             .ahead = kAtOnce + options_.workers + 1,
                             .first_sample = first_sample_};
  loader_ = std::make_unique<Loader>(*source_, loader, allocate);
  return status;
}

bool Training::checkpoint_due() const {
  const uint64_t every = options_.checkpoint_every;
  return every > 0 && trainer_->steps() % every == 0 && trainer_->steps() > written_;
}

Result<std::optional<StepDone>> Training::advance(bool another) {
  if (checkpoint_due()) {
    another = false;  // until all that runs has ended
    if (running_ == 0) CORUN_TRY(write_checkpoint());
  }
  if (another && running_ < kAtOnce) {
    CORUN_TRY(trainer_->begin_step(loader_->next()));
    ++running_;
    return std::optional<StepDone>();
  }
  if (running_ == 0) return std::optional<StepDone>();
  StepDone done{.number = trainer_->steps() - running_ + 1};
  CORUN_ASSIGN(done.loss, trainer_->end_step());
  loader_->give_back();
  --running_;
  if (std::isfinite(done.loss)) return std::optional(done);
  return failed(fmt::format("the loss of step {} is not a number", done.number),
                "try a lower --learning-rate");
}

Status Training::write_checkpoint() {
  written_ = trainer_->steps();
  return trainer_->with_state([&](State state) {
    state.words["seed"] = std::to_string(options_.seed);
    state.words["samples"] = std::to_string(first_sample_ + begun() * batch());
    return training::write_checkpoint(options_.checkpoint, state);
  });
}

std::string Training::text() const {
  return fmt::format("{}: {:.3g} M weights on {}, batch {}", options_.spec.name,
                     static_cast<double>(trainer_->parameters()) * 1e-6, trainer_->device_name(),
                     batch());
}

}  // namespace corun::training
