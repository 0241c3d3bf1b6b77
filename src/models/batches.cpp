#include "models/batches.h"

#include <algorithm>
#include <numeric>

#include "ops/norm.h"
#include "ops/scratch.h"

namespace gaze {
namespace {

constexpr std::int64_t kImagesTogether = 16;
constexpr std::size_t kTextsTogether = 32;

}  // namespace

Tensor encode_image_groups(const Tensor& pixels, std::int64_t pooled_width, std::int64_t dimension,
                           const std::function<void(const Tensor& some, Tensor& pooled, Tensor& embeds)>& run) {
  const std::int64_t count = pixels.size(0);
  Tensor embeds = Tensor::empty({count, dimension}, DType::f32);
  for (std::int64_t begin = 0; begin < count; begin += kImagesTogether) {
    const std::int64_t end = std::min(count, begin + kImagesTogether);
    Scratch::Frame frame;
    Tensor pooled = frame.tensor({end - begin, pooled_width}, DType::f32);
    Tensor some = embeds.rows(begin, end);
    run(pixels.rows(begin, end), pooled, some);
  }
  l2_normalize(embeds);
  return embeds;
}

Tensor encode_text_groups(std::span<const std::vector<TokenId>> texts, std::int64_t pooled_width,
                          std::int64_t dimension,
                          const std::function<void(TextGroup some, Tensor& pooled, Tensor& embeds)>& run) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return texts[i].size(); });

  Tensor embeds = Tensor::empty({static_cast<std::int64_t>(texts.size()), dimension}, DType::f32);
  for (std::size_t begin = 0; begin < order.size(); begin += kTextsTogether) {
    const auto places = std::span(order).subspan(begin, std::min(kTextsTogether, order.size() - begin));
    std::vector<const std::vector<TokenId>*> group;
    for (const std::size_t place : places) group.push_back(&texts[place]);
    const auto count = static_cast<std::int64_t>(group.size());
    Scratch::Frame frame;
    Tensor pooled = frame.tensor({count, pooled_width}, DType::f32);
    Tensor some = frame.tensor({count, dimension}, DType::f32);
    run(group, pooled, some);
    for (std::size_t i = 0; i < places.size(); ++i) {
      std::copy_n(some.data<float>() + static_cast<std::int64_t>(i) * dimension, dimension,
                  embeds.data<float>() + static_cast<std::int64_t>(places[i]) * dimension);
    }
  }
  l2_normalize(embeds);
  return embeds;
}

}  // namespace gaze
