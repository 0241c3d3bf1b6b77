#include "models/blip/blip.h"

#include <algorithm>

#include "base/error.h"
#include "base/message.h"
#include "models/blip/text_model.h"
#include "models/blip/vision_tower.h"
#include "ops/elementwise.h"

namespace gaze {
namespace {

using blip::Config;
using blip::TextDecoder;
using blip::TextModel;
using blip::VisionTower;

// What the three kinds have in common.
struct Parts {
  Parts(const Checkpoint& checkpoint, const Config& parsed, Precision precision)
      : config(parsed),
        scope(checkpoint.weights, precision),
        image_processor(open_image_processor(checkpoint.folder, config.vision.image_size)),
        tokenizer(open_tokenizer(checkpoint, config.text.vocab_size)),
        parameters(count_parameters(*checkpoint.weights)),
        vision_model(scope / "vision_model", config.vision) {
    defaults = {.max_length = 30,
                .num_beams = 5,
                .early_stopping = EarlyStopping::yes,
                .eos_token_ids = {config.text.sep_token_id}};
  }

  Config config;
  WeightScope scope;
  ImageProcessor image_processor;
  std::unique_ptr<const Tokenizer> tokenizer;
  std::int64_t parameters;
  VisionTower vision_model;
  GenerationConfig defaults;
};

class BlipCaptioner final : public Captioner {
 public:
  explicit BlipCaptioner(Parts parts)
      : parts_(std::move(parts)), text_decoder_(parts_.scope / "text_decoder", parts_.config.text) {
    info_ = {.family = "blip", .takes_prompt = true, .parameters = parts_.parameters};
  }

  static WeightTable weight_table(const Config& config) {
    WeightTable table;
    VisionTower::add_rows(table, "vision_model", config.vision);
    TextDecoder::add_rows(table, "text_decoder", config.text, config.vision.encoder.hidden_size);
    return table;
  }

  const CaptionerInfo& info() const override { return info_; }
  Precision precision() const override { return parts_.scope.precision(); }
  const ImageProcessor& image_processor() const override { return parts_.image_processor; }
  const Tokenizer& tokenizer() const override { return *parts_.tokenizer; }
  GenerationConfig generation_defaults(const std::string&) const override { return parts_.defaults; }

  // [DEC] stands where the tokenizer puts [CLS], and the prompt's own [SEP] is dropped.
  std::vector<TokenId> start_tokens(const std::string& language, const std::string& prompt) const override {
    if (!language.empty() && language != "en") {
      throw Error(ErrorCode::usage, message("this model does not speak \"{}\"", language),
                  message("BLIP was trained on English; the built-in model speaks Chinese too"));
    }
    std::vector<TokenId> ids{parts_.config.text.bos_token_id};
    const std::vector<TokenId> words = parts_.tokenizer->encode(prompt, {.add_special_tokens = false});
    ids.insert(ids.end(), words.begin(), words.end());
    if (static_cast<int>(ids.size()) >= parts_.config.text.max_position_embeddings) {
      throw Error(ErrorCode::usage, message("the prompt has {} tokens; the model reads at most {}", ids.size(),
                                            parts_.config.text.max_position_embeddings - 1));
    }
    return ids;
  }

  std::unique_ptr<Decoder> decoder(const Tensor& pixels) const override {
    return std::make_unique<CrossDecoder>(text_decoder_, parts_.vision_model.image_embeds(pixels));
  }

  std::string text(std::span<const TokenId> ids) const override { return parts_.tokenizer->decode(ids); }

 private:
  Parts parts_;
  CaptionerInfo info_;
  TextDecoder text_decoder_;
};

class BlipAnswerer final : public PictureAnswerer {
 public:
  explicit BlipAnswerer(Parts parts)
      : parts_(std::move(parts)),
        text_encoder_(parts_.scope / "text_encoder", parts_.config.text),
        text_decoder_(parts_.scope / "text_decoder", parts_.config.text) {
    info_ = {.family = "blip",
             .context_length = parts_.config.text.max_position_embeddings,
             .parameters = parts_.parameters};
    parts_.defaults.num_beams = 1;  // as the reference answers
  }

  static WeightTable weight_table(const Config& config) {
    WeightTable table;
    const int memory = config.vision.encoder.hidden_size;
    VisionTower::add_rows(table, "vision_model", config.vision);
    TextModel::add_rows(table, "text_encoder", config.text, memory);
    TextDecoder::add_rows(table, "text_decoder", config.text, memory);
    return table;
  }

  const PictureQuestionInfo& info() const override { return info_; }
  Precision precision() const override { return parts_.scope.precision(); }
  const ImageProcessor& image_processor() const override { return parts_.image_processor; }
  const Tokenizer& tokenizer() const override { return *parts_.tokenizer; }
  GenerationConfig generation_defaults() const override { return parts_.defaults; }

  std::unique_ptr<Decoder> decoder(const Tensor& pixels, std::span<const TokenId> question) const override {
    const Tensor image_embeds = parts_.vision_model.image_embeds(pixels);
    return std::make_unique<CrossDecoder>(text_decoder_, text_encoder_.encode(question, image_embeds));
  }
  std::vector<TokenId> start_tokens() const override { return {parts_.config.text.bos_token_id}; }

 private:
  Parts parts_;
  PictureQuestionInfo info_;
  TextModel text_encoder_;
  TextDecoder text_decoder_;
};

class BlipMatcher final : public PictureMatcher {
 public:
  explicit BlipMatcher(Parts parts)
      : parts_(std::move(parts)),
        text_encoder_(parts_.scope / "text_encoder", parts_.config.text),
        itm_head_(parts_.scope / "itm_head") {
    info_ = {.family = "blip",
             .context_length = parts_.config.text.max_position_embeddings,
             .parameters = parts_.parameters};
  }

  static WeightTable weight_table(const Config& config) {
    WeightTable table;
    const int memory = config.vision.encoder.hidden_size, width = config.text.encoder.hidden_size;
    VisionTower::add_rows(table, "vision_model", config.vision);
    TextModel::add_rows(table, "text_encoder", config.text, memory);
    table.add_linear("itm_head", width, 2);
    // The contrastive heads, which matching does not use.
    table.add_linear("vision_proj", memory, config.image_text_hidden_size);
    table.add_linear("text_proj", width, config.image_text_hidden_size);
    return table;
  }

  const PictureQuestionInfo& info() const override { return info_; }
  Precision precision() const override { return parts_.scope.precision(); }
  const ImageProcessor& image_processor() const override { return parts_.image_processor; }
  const Tokenizer& tokenizer() const override { return *parts_.tokenizer; }

  std::vector<Scores> match(const Tensor& pixels, std::span<const std::vector<TokenId>> texts) const override {
    const Tensor image_embeds = parts_.vision_model.image_embeds(pixels);
    std::vector<Scores> all;
    for (const std::vector<TokenId>& ids : texts) {
      const Tensor states = text_encoder_.encode(ids, image_embeds);
      Tensor logits = Tensor::empty({1, 2}, DType::f32);
      itm_head_(states.reshaped({states.size(1), states.size(2)}).rows(0, 1), logits);
      all.push_back({.no = logits.data<float>()[0], .yes = logits.data<float>()[1]});
    }
    return all;
  }

 private:
  Parts parts_;
  PictureQuestionInfo info_;
  TextModel text_encoder_;
  Linear itm_head_;
};

template <class Model>
std::unique_ptr<const Model> load(const Checkpoint& checkpoint, Precision precision) {
  const Config config = blip::parse_config(checkpoint.config, checkpoint.config_name());
  Model::weight_table(config).check(*checkpoint.weights, checkpoint.weights_name());
  return std::make_unique<const Model>(Parts(checkpoint, config, precision));
}

}  // namespace

std::unique_ptr<const Captioner> load_blip_captioner(const Checkpoint& checkpoint, Precision precision) {
  return load<BlipCaptioner>(checkpoint, precision);
}
std::unique_ptr<const PictureAnswerer> load_blip_answerer(const Checkpoint& checkpoint, Precision precision) {
  return load<BlipAnswerer>(checkpoint, precision);
}
std::unique_ptr<const PictureMatcher> load_blip_matcher(const Checkpoint& checkpoint, Precision precision) {
  return load<BlipMatcher>(checkpoint, precision);
}

}  // namespace gaze
