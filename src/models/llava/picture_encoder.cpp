#include "models/llava/picture_encoder.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "media/crop.h"
#include "ops/elementwise.h"

namespace gaze::llava {

LlavaPictures::Network::Network(const WeightScope& scope, const Config& config)
    : tower(scope / "vision_tower", config.vision),
      linear_1(scope / "multi_modal_projector" / "linear_1", config.projector_hidden_act),
      linear_2(scope / "multi_modal_projector" / "linear_2") {}

LlavaPictures::LlavaPictures(const WeightScope& scope, const Config& config, const ImageProcessor& processor)
    : config_(config),
      processor_(processor),
      network_([scope, config] { return std::make_unique<const Network>(scope, config); }) {}

void LlavaPictures::add_rows(WeightTable& table, const Config& config) {
  const int seen = config.vision.encoder.hidden_size, width = config.text.hidden_size;
  clip::VisionTower::add_rows(table, "vision_tower", config.vision, false);
  table.add_linear("multi_modal_projector.linear_1", seen, width, config.projector_bias);
  table.add_linear("multi_modal_projector.linear_2", width, width, config.projector_bias);
}

Tensor LlavaPictures::vectors(const Tensor& pixels) const {
  const std::int64_t batch = pixels.size(0), count = config_.vectors(), width = config_.text.hidden_size;
  const std::int64_t seen_width = config_.vision.encoder.hidden_size, tokens = 1 + config_.vision.patches();
  const auto& [tower, linear_1, linear_2] = *network_;
  const Tensor hidden = tower.hidden_states(pixels, config_.vision_layers).reshaped({batch * tokens, seen_width});
  Tensor seen = Tensor::empty({batch * count, seen_width}, linear_1.input_dtype());
  for (std::int64_t i = 0; i < batch; ++i) {
    Tensor to = seen.rows(i * count, (i + 1) * count);
    convert(hidden.rows((i + 1) * tokens - count, (i + 1) * tokens), to);  // the class token stands first
  }
  Tensor inner = Tensor::empty({batch * count, width}, linear_2.input_dtype());
  Tensor out = Tensor::empty({batch * count, width}, DType::f32);
  linear_1(seen, inner);
  linear_2(inner, out);
  return out.reshaped({batch, count, width});
}

EncodedPicture LlavaPictures::encode(std::span<const std::byte> file, const std::string& name,
                                     const DecodeOptions& options) const {
  Tensor pixels = Tensor::empty({1, 3, config_.vision.image_size, config_.vision.image_size}, DType::f32);
  if (config_.pads_to_square) {
    const Image image = decode_image(file, name, options);
    const int square = std::max(image.width, image.height);
    std::array<std::uint8_t, 3> colour{};
    for (std::size_t c = 0; c < 3; ++c)
      colour[c] = static_cast<std::uint8_t>(std::clamp(processor_.mean[c], 0.0, 1.0) * 255);
    processor_.process(pad(image, square, square, (square - image.width) / 2, (square - image.height) / 2, colour),
                       pixels.data<float>());
  } else {
    processor_.process(file, name, options, pixels.data<float>());
  }
  const std::int64_t count = config_.vectors();
  return {vectors(pixels).reshaped({count, config_.text.hidden_size}),
          std::vector<TokenId>(static_cast<std::size_t>(count), config_.image_token)};
}

// The part of a picture that the tower is shown.
Region LlavaPictures::region(int width, int height) const {
  if (!config_.pads_to_square) return processor_.region(width, height);
  const int square = std::max(width, height), left = (square - width) / 2, top = (square - height) / 2;
  const Region of_square = processor_.region(square, square);
  return {(of_square.left * square - left) / width, (of_square.top * square - top) / height,
          (of_square.right * square - left) / width, (of_square.bottom * square - top) / height};
}

std::vector<Region> LlavaPictures::places(const EncodedPicture& picture, int width, int height) const {
  const std::int64_t count = config_.vectors();
  if (picture.vectors.size(0) != count) return {};
  const Region seen = region(width, height);
  const int side = config_.vision.image_size / config_.vision.patch_size;
  std::vector<Region> regions(static_cast<std::size_t>(count - side * side));  // the class token stands for no part
  const double across = (seen.right - seen.left) / side, down = (seen.bottom - seen.top) / side;
  for (int i = 0; i < side * side; ++i) {
    const int row = i / side, column = i % side;
    const double left = seen.left + column * across, top = seen.top + row * down;
    regions.push_back({left, top, left + across, top + down});
  }
  return regions;
}

std::string canonical_name(std::string_view name) {
  // As found, and as we call it; longer beginnings first.
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kBeginnings{{
      {"language_model.model.", "model."},
      {"language_model.lm_head.", "lm_head."},
      {"model.language_model.", "model."},
      {"model.vision_tower.vision_model.", "vision_tower."},
      {"model.vision_tower.", "vision_tower."},
      {"vision_tower.vision_model.", "vision_tower."},
      {"model.multi_modal_projector.", "multi_modal_projector."},
      {"model.image_newline", "image_newline"},
  }};
  for (const auto& [found, ours] : kBeginnings) {
    if (name.starts_with(found)) return std::string(ours).append(name.substr(found.size()));
  }
  return std::string(name);
}

}  // namespace gaze::llava
