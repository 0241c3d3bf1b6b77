#include "tasks/match.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"

namespace gaze {
namespace {

// Subtracting the largest logit changes nothing but the range of exp.
void softmax(std::vector<Match>& matches) {
  double most = -INFINITY, sum = 0;
  for (const Match& one : matches) most = std::max(most, one.logit);
  for (Match& one : matches) sum += one.probability = std::exp(one.logit - most);
  for (Match& one : matches) one.probability /= sum;
}

template <class Model>
std::vector<std::vector<TokenId>> encode(const Model& model, std::span<const std::string> texts, bool parse_special) {
  std::vector<std::vector<TokenId>> ids;
  for (const std::string& text : texts) {
    ids.push_back(
        model.tokenizer().encode(text, {.parse_special = parse_special, .max_length = model.info().context_length}));
  }
  return ids;
}

// One picture as a model's vision tower receives it.
template <class Model>
Tensor pixels_of(const Model& model, const std::filesystem::path& image, const PictureOptions& options,
                 const CancelToken& cancel) {
  const ImageProcessor& processor = model.image_processor();
  Tensor pixels = Tensor::empty({1, 3, processor.output_height(), processor.output_width()}, DType::f32);
  const Bytes bytes = read_picture(image, cancel);
  processor.process(bytes, display(image), decode_options(processor, options), pixels.data<float>());
  cancel.check();
  return pixels;
}

// Of the two logits the share of "yes" in their softmax is the logistic function of their difference.
Match match_of(const PictureMatcher::Scores& scores) {
  const double logit = static_cast<double>(scores.yes) - scores.no;
  return {.probability = 1 / (1 + std::exp(-logit)), .logit = logit};
}

}  // namespace

std::vector<std::vector<TokenId>> encode_for(const DualEncoder& encoder, std::span<const std::string> texts,
                                             bool parse_special) {
  return encode(encoder, texts, parse_special);
}

Matches match(const DualEncoder& encoder, const std::filesystem::path& image, std::span<const std::string> texts,
              const PictureOptions& options, bool parse_special, const CancelToken& cancel) {
  const Tensor picture = encoder.encode_images(pixels_of(encoder, image, options, cancel));
  const Tensor rows = encoder.encode_texts(encode_for(encoder, texts, parse_special));

  const DualEncoderInfo& info = encoder.info();
  Matches result{.normalisation = info.sigmoid ? "sigmoid" : "softmax"};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const float* row = rows.data<float>() + i * static_cast<std::size_t>(info.dimension);
    double cosine = 0;
    for (int d = 0; d < info.dimension; ++d) cosine += double{row[d]} * picture.data<float>()[d];
    const double logit = cosine * info.logit_scale + info.logit_bias;
    result.matches.push_back({.probability = 1 / (1 + std::exp(-logit)), .logit = logit});
  }
  if (!info.sigmoid) softmax(result.matches);
  return result;
}

Matches match(const PictureMatcher& matcher, const std::filesystem::path& image, std::span<const std::string> texts,
              const PictureOptions& options, bool parse_special, const CancelToken& cancel) {
  Matches result{.normalisation = "itm"};
  const auto ids = encode(matcher, texts, parse_special);
  for (const auto& scores : matcher.match(pixels_of(matcher, image, options, cancel), ids)) {
    result.matches.push_back(match_of(scores));
  }
  return result;
}

// Lead bytes of U+4000 to U+9FFF in UTF-8: nearly all Chinese characters.
bool has_chinese(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0xE4 && byte <= 0xE9;
  });
}

bool is_wrong_language(const DualEncoder& encoder, std::span<const std::string> texts) {
  return encoder.info().family == "clip" && std::any_of(texts.begin(), texts.end(), has_chinese);
}

}  // namespace gaze
