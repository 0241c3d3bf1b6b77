#include "tasks/bench.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "base/parallel.h"
#include "generate/generate.h"
#include "models/chat_models.h"
#include "ops/matmul.h"

namespace gaze {
namespace {

constexpr int kPictureWidth = 640, kPictureHeight = 480;
constexpr const char* kCaption = "a brown dog runs across the wet sand of a beach at sunset";

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// Median seconds of each kind of work, run in turns for `seconds` in all, at least three times each after a warm-up.
std::vector<double> in_turns(const std::vector<std::function<void()>>& kinds, double seconds,
                             const CancelToken& cancel) {
  std::vector<std::vector<double>> times(kinds.size());
  for (const auto& work : kinds) work();
  double spent = 0;
  while (times.front().size() < 3 || spent < seconds) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      cancel.check();
      times[i].push_back(seconds_of(kinds[i]));
      spent += times[i].back();
    }
  }
  std::vector<double> medians;
  for (const auto& each : times) medians.push_back(median(each));
  return medians;
}

// `work` handles a batch; its row, and the row of its matrix products alone.
std::vector<BenchResult> bench_tower(const std::string& what, const std::string& unit, const BenchOptions& options,
                                     const CancelToken& cancel, const std::function<void()>& work) {
  work();  // everything is made ready before the products are noted
  MatmulTrace products;
  work();
  const auto medians = in_turns({[&] { products.run_alone(); }, work}, options.seconds, cancel);
  return {{what, options.batch / medians[1], unit}, {"matmul_limit", options.batch / medians[0], unit}};
}

// Some picture with edges and gradients.
Image picture() {
  Image image{kPictureWidth, kPictureHeight,
              std::vector<std::uint8_t>(std::size_t{kPictureWidth} * kPictureHeight * 3)};
  std::uint32_t state = 1;
  for (std::uint8_t& value : image.rgb) {
    state = state * 1664525 + 1013904223;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

double memory_read_bytes_per_second(double seconds, const CancelToken& cancel) {
  const std::int64_t bytes = 512 * MiB, words = bytes / 8;  // beyond what caches hold for us
  const Tensor memory = Tensor::zeros({words}, DType::i64);
  const std::int64_t* values = memory.data<std::int64_t>();
  std::atomic<std::int64_t> sum = 0;
  const auto read = [&] {
    parallel_ranges(words, 4096, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t total = 0;
      for (std::int64_t i = begin; i < end; ++i) total += values[i];
      sum += total;
    });
  };
  const double median_seconds = in_turns({read}, seconds, cancel).front();
  GAZE_CHECK(sum == 0);
  return static_cast<double>(bytes) / median_seconds;
}

// The picture as often as a batch has room.
Tensor pixels_for(const ImageProcessor& processor, int batch) {
  const Image image = picture();
  Tensor pixels = Tensor::empty({batch, 3, processor.output_height(), processor.output_width()}, DType::f32);
  for (int i = 0; i < batch; ++i) processor.process(image, pixels.rows(i, i + 1).data<float>());
  return pixels;
}

}  // namespace

double seconds_to_caption(const Captioner& model, int pictures, const BenchOptions& options,
                          const CancelToken& cancel) {
  constexpr int kTokens = 30;
  const Tensor pixels = pixels_for(model.image_processor(), pictures);
  const std::vector prompts(static_cast<std::size_t>(pictures), model.start_tokens({}, {}));
  GenerationConfig config = model.generation_defaults({});
  config.num_beams = options.beams;
  config.max_length = static_cast<int>(prompts.front().size()) + kTokens;
  config.eos_token_ids.clear();  // no caption ends sooner
  const auto caption = [&] { generate(*model.decoder(pixels), prompts, config, {.cancel = &cancel}); };
  return in_turns({caption}, options.seconds, cancel).front();
}

BenchResult bench_caption(const Captioner& model, const BenchOptions& options, const CancelToken& cancel) {
  return {"caption", seconds_to_caption(model, 1, options, cancel), "s"};
}

std::vector<BenchResult> bench_image_tower(const Captioner& model, const BenchOptions& options,
                                           const CancelToken& cancel) {
  const Tensor pixels = pixels_for(model.image_processor(), options.batch);
  return bench_tower("image_tower", "images/s", options, cancel, [&] { model.decoder(pixels); });
}

std::vector<BenchResult> bench(const Captioner& model, const BenchOptions& options, const CancelToken& cancel) {
  std::vector<BenchResult> results = bench_image_tower(model, options, cancel);
  results.push_back(bench_caption(model, options, cancel));
  return results;
}

std::vector<BenchResult> bench_image_tower(const DualEncoder& model, const BenchOptions& options,
                                           const CancelToken& cancel) {
  const Tensor pixels = pixels_for(model.image_processor(), options.batch);
  return bench_tower("image_tower", "images/s", options, cancel, [&] { model.encode_images(pixels); });
}

std::vector<BenchResult> bench(const DualEncoder& model, const BenchOptions& options, const CancelToken& cancel) {
  std::vector<BenchResult> results = bench_image_tower(model, options, cancel);

  const std::vector<std::vector<TokenId>> texts(
      static_cast<std::size_t>(options.batch),
      model.tokenizer().encode(kCaption, {.max_length = model.info().context_length}));
  std::ranges::move(bench_tower("text_tower", "texts/s", options, cancel, [&] { model.encode_texts(texts); }),
                    std::back_inserter(results));

  const ImageProcessor& processor = model.image_processor();
  const Image image = picture();
  std::vector<float> pixels(std::size_t{3} * processor.output_height() * processor.output_width());
  const auto preprocess = in_turns({[&] { processor.process(image, pixels.data()); }}, options.seconds, cancel);
  results.push_back({"preprocess", 1 / preprocess.front(), "images/s"});
  results.push_back({"memory_read", memory_read_bytes_per_second(options.seconds, cancel) / 1e9, "GB/s"});
  return results;
}

std::vector<BenchResult> bench(const llama::ChatModel& model, const BenchOptions& options, const CancelToken& cancel) {
  const int positions = options.prompt_tokens + options.new_tokens;
  if (positions > model.config().max_position_embeddings) {
    throw Error(ErrorCode::usage, message("a length of {} tokens is more than the model's {} positions", positions,
                                          model.config().max_position_embeddings));
  }
  const auto decoder = model.decoder(positions);
  decoder->set_cancel(&cancel);
  std::vector<std::vector<TokenId>> prompts(1);
  TokenId next = 0;
  // No prompt begins as the one before: nothing is known already.
  const auto prefill = [&] {
    prompts[0].clear();
    for (int i = 0; i < options.prompt_tokens; ++i) prompts[0].push_back(next++ % model.config().vocab_size);
    decoder->start(prompts);
  };
  const auto decode = [&] {
    for (int i = 0; i < options.new_tokens; ++i)
      decoder->step(std::array{next++ % model.config().vocab_size}, std::array{0});
  };
  MatmulTrace products;
  prefill();
  const auto medians = in_turns({[&] { products.run_alone(); }, prefill, decode}, options.seconds, cancel);
  return {{"prefill", options.prompt_tokens / medians[1], "tokens/s"},
          {"matmul_limit", options.prompt_tokens / medians[0], "tokens/s"},
          {"decode", options.new_tokens / medians[2], "tokens/s"},
          {"memory_read", memory_read_bytes_per_second(options.seconds, cancel) / 1e9, "GB/s"}};
}

std::vector<BenchResult> bench_chat_model(const ModelEntry& entry, Precision precision, const BenchOptions& options,
                                          const CancelToken& cancel) {
  return bench(*load_chat_model(entry.path, precision, entry.eyes), options, cancel);
}

}  // namespace gaze
