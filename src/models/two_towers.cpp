#include "models/two_towers.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "ops/norm.h"

namespace gaze {
namespace {

constexpr std::int64_t kImagesTogether = 16;
constexpr std::size_t kTextsTogether = 32;

class TwoTowerEncoder final : public DualEncoder {
 public:
  explicit TwoTowerEncoder(TwoTowers parts) : parts_(std::move(parts)) {}

  const DualEncoderInfo& info() const override { return parts_.info; }
  Precision precision() const override { return parts_.precision; }
  const ImageProcessor& image_processor() const override { return parts_.image_processor; }
  const Tokenizer& tokenizer() const override { return *parts_.tokenizer; }

  Tensor encode_images(const Tensor& pixels) const override {
    GAZE_CHECK(parts_.image_tower);
    const std::int64_t count = pixels.size(0);
    Tensor embeds = Tensor::empty({count, parts_.info.dimension}, DType::f32);
    for (std::int64_t begin = 0; begin < count; begin += kImagesTogether) {
      const std::int64_t end = std::min(count, begin + kImagesTogether);
      Tensor some = embeds.rows(begin, end);
      parts_.image_tower(pixels.rows(begin, end), some);
    }
    l2_normalize(embeds);
    return embeds;
  }

  Tensor encode_texts(std::span<const std::vector<TokenId>> texts) const override {
    GAZE_CHECK(parts_.text_tower);
    std::vector<std::size_t> order(texts.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return texts[i].size(); });

    const std::int64_t dimension = parts_.info.dimension;
    Tensor embeds = Tensor::empty({static_cast<std::int64_t>(texts.size()), dimension}, DType::f32);
    for (std::size_t begin = 0; begin < order.size(); begin += kTextsTogether) {
      const auto places = std::span(order).subspan(begin, std::min(kTextsTogether, order.size() - begin));
      std::vector<const std::vector<TokenId>*> group(places.size());
      std::ranges::transform(places, group.begin(), [&](std::size_t place) { return &texts[place]; });
      Scratch::Frame frame;
      Tensor some = frame.tensor({static_cast<std::int64_t>(group.size()), dimension}, DType::f32);
      parts_.text_tower(group, some);
      for (std::size_t i = 0; i < places.size(); ++i) {
        std::copy_n(some.data<float>() + static_cast<std::int64_t>(i) * dimension, dimension,
                    embeds.data<float>() + static_cast<std::int64_t>(places[i]) * dimension);
      }
    }
    l2_normalize(embeds);
    return embeds;
  }

 private:
  TwoTowers parts_;
};

}  // namespace

TwoTowers open_two_towers(const Checkpoint& checkpoint, const WeightScope& scope, DualEncoderInfo info, int image_size,
                          int vocab_size) {
  info.logit_scale = std::exp(scope.f32("logit_scale").data<float>()[0]);
  return {.info = std::move(info),
          .precision = scope.precision(),
          .image_processor = open_image_processor(checkpoint.folder, image_size),
          .tokenizer = open_tokenizer(checkpoint, vocab_size),
          .image_tower = {},
          .text_tower = {}};
}

std::unique_ptr<const DualEncoder> make_dual_encoder(TwoTowers parts) {
  return std::make_unique<const TwoTowerEncoder>(std::move(parts));
}

}  // namespace gaze
