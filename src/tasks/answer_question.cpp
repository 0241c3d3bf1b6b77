#include "tasks/answer_question.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "generate/choices.h"
#include "generate/generate.h"
#include "tasks/choices.h"
#include "tasks/pictures.h"
#include "text/stop_text.h"

namespace gaze {
namespace {

constexpr int kMaxTokens = 100;  // of an answer, where nobody says otherwise

[[noreturn]] void refuse(std::string text, std::string hint = {}) {
  throw Error(ErrorCode::usage, std::move(text), std::move(hint));
}

// Adds the time until it goes.
class Timer {
 public:
  explicit Timer(double& milliseconds) : milliseconds_(milliseconds) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { milliseconds_ += std::chrono::duration<double, std::milli>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  double& milliseconds_;
  const Clock::time_point start_ = Clock::now();
};

// Another decoder, with the time that its first call takes.
class TimedStart final : public Decoder {
 public:
  TimedStart(Decoder& decoder, double& milliseconds) : decoder_(decoder), milliseconds_(milliseconds) {}

  int vocabulary_size() const override { return decoder_.vocabulary_size(); }
  int max_positions() const override { return decoder_.max_positions(); }
  std::span<const float> start(std::span<const std::vector<TokenId>> prompts) override {
    const Timer timer(milliseconds_);
    return decoder_.start(prompts);
  }
  std::span<const float> step(std::span<const TokenId> tokens, std::span<const int> parents) override {
    return decoder_.step(tokens, parents);
  }

 private:
  Decoder& decoder_;
  double& milliseconds_;
};

class AnswererChat final : public VisualChat {
 public:
  AnswererChat(std::unique_ptr<const PictureAnswerer> model, std::string name)
      : model_(std::move(model)), name_(std::move(name)) {}

  const std::string& model() const override { return name_; }

  VisualAnswer ask(const ChatTurn& turn, const AnswerOptions& options, const CancelToken& cancel,
                   const AnswerSink& on_text) override {
    GenerationConfig config = generation_of(options);
    const std::vector<TokenId> question = question_ids(turn.text, options.raw_prompt);
    VisualAnswer answer;
    std::unique_ptr<Decoder> decoder;
    {
      const Timer timer(answer.vision_ms);
      look_at(turn, options, cancel);
      cancel.check();
      decoder = model_->decoder(pixels_, question);
    }
    if (!options.choices.empty()) {
      choose(*decoder, options.choices, config.eos_token_ids, cancel, answer);
      answer.prompt_tokens = std::ssize(question);
      if (on_text) on_text(answer.text);
      return answer;
    }
    if (!options.max_tokens) config.max_length = std::min(config.max_length, decoder->max_positions());
    double all_ms = 0;
    std::vector<std::vector<Generation>> generated;
    {
      const Timer timer(all_ms);
      TimedStart timed(*decoder, answer.prefill_ms);
      generated =
          generate(timed, std::vector<std::vector<TokenId>>{model_->start_tokens()}, config, {.cancel = &cancel});
    }
    answer.decode_ms = all_ms - answer.prefill_ms;

    const Generation& best = generated.front().front();
    StopText kept(options.stops);
    answer.text = kept.push(model_->tokenizer().decode(best.ids)) + kept.finish();
    answer.ids.assign(best.ids.begin(), best.ids.end());
    answer.finish_reason = best.finished || kept.stopped() ? "stop" : "length";
    answer.prompt_tokens = std::ssize(question);
    answer.completion_tokens = std::ssize(best.ids);
    if (on_text) on_text(answer.text);
    return answer;
  }

  void reset() override { pixels_ = Tensor(); }

 private:
  GenerationConfig generation_of(const AnswerOptions& options) const {
    if (!options.system.empty()) refuse(message("{} takes no system text", name_));
    if (!options.detail.empty()) refuse(message("{} looks at every picture in the same detail", name_));
    if (!options.explain.empty()) refuse(message("{} cannot show where it looked", name_));
    if (options.schema) refuse(message("{} answers in plain words, not by a schema", name_));
    GenerationConfig config = model_->generation_defaults();
    config.max_length = static_cast<int>(model_->start_tokens().size()) + options.max_tokens.value_or(kMaxTokens);
    config.num_beams = options.beams.value_or(config.num_beams);
    config.min_length = options.min_length.value_or(config.min_length);
    config.top_k = options.top_k.value_or(config.top_k);
    config.temperature = static_cast<float>(options.temperature.value_or(config.temperature));
    config.top_p = static_cast<float>(options.top_p.value_or(config.top_p));
    config.repetition_penalty = static_cast<float>(options.repetition_penalty.value_or(config.repetition_penalty));
    config.seed = static_cast<std::uint64_t>(options.seed.value_or(0));
    validate(config);
    return config;
  }

  // The likeliest choice and its company. Reference: BLIP's answers by rank, which sums the same log-probabilities.
  void choose(Decoder& decoder, const std::vector<std::string>& choices, std::span<const TokenId> ends,
              const CancelToken& cancel, VisualAnswer& answer) const {
    const std::vector<TokenId> start = model_->start_tokens();
    std::vector<std::vector<TokenId>> ids;
    for (const std::string& choice : choices) {
      ids.push_back(model_->tokenizer().encode(choice, {.add_special_tokens = false}));
      if (ids.back().empty() || std::ssize(start) + std::ssize(ids.back()) > decoder.max_positions()) {
        refuse(message("the model has no tokens for the choice \"{}\"", choice));
      }
    }
    const Timer timer(answer.prefill_ms);
    rank(choices, ids, score_choices(decoder, start, ids, ends, &cancel), ends, answer);
  }

  std::vector<TokenId> question_ids(const std::string& text, bool parse_special) const {
    const int most = model_->info().context_length;
    std::vector<TokenId> ids = model_->tokenizer().encode(text, {.parse_special = parse_special});
    if (std::ssize(ids) > most) {
      refuse(message("the question has {} tokens; {} reads at most {}", ids.size(), name_, most),
             message("ask it in fewer words"));
    }
    return ids;
  }

  void look_at(const ChatTurn& turn, const AnswerOptions& options, const CancelToken& cancel) {
    if (turn.inputs.size() > 1) refuse(message("{} looks at one picture at a time", name_));
    if (turn.inputs.empty()) {
      if (!pixels_.defined()) refuse(message("{} needs a picture to answer about", name_));
      return;
    }
    const std::string& input = turn.inputs.front();
    if (input.starts_with("http://") || input.starts_with("https://")) {
      refuse(message("{}: only remote models look at addresses", input), message("download the picture first"));
    }
    const ImageProcessor& processor = model_->image_processor();
    Tensor pixels = Tensor::empty({1, 3, processor.output_height(), processor.output_width()}, DType::f32);
    processor.process(read_picture(input, cancel), display(input),
                      decode_options(processor, {.exif_rotation = options.exif_rotation}), pixels.data<float>());
    pixels_ = std::move(pixels);
  }

  const std::unique_ptr<const PictureAnswerer> model_;
  const std::string name_;
  Tensor pixels_;  // of the last picture
};

}  // namespace

std::unique_ptr<VisualChat> make_answerer_chat(std::unique_ptr<const PictureAnswerer> model, std::string name) {
  return std::make_unique<AnswererChat>(std::move(model), std::move(name));
}

}  // namespace gaze
