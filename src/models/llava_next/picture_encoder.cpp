#include "models/llava_next/picture_encoder.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "ops/elementwise.h"

namespace gaze::llava_next {
namespace {

constexpr std::int64_t kTogether = 4;  // tiles that go through the tower at once

}  // namespace

LlavaNextPictures::LlavaNextPictures(const WeightScope& scope, const llava::Config& config, TileProcessor processor)
    : config_(config),
      processor_(std::move(processor)),
      tiles_(scope, config, processor_.pixels),
      newline_(scope.f32("image_newline")) {}

void LlavaNextPictures::add_rows(WeightTable& table, const llava::Config& config) {
  llava::LlavaPictures::add_rows(table, config);
  table.add("image_newline", {config.text.hidden_size});
}

EncodedPicture LlavaNextPictures::encode(std::span<const std::byte> file, const std::string& name,
                                         const DecodeOptions& options) const {
  const Image image = decode_image(file, name, options);
  const std::vector<Image> tiles = processor_.cut(image);
  const auto count = std::ssize(tiles);
  const std::int64_t size = config_.vision.image_size, patches = config_.vision.patches();
  const std::int64_t width = config_.text.hidden_size;
  Tensor seen = Tensor::empty({count * patches, width}, DType::f32);
  for (std::int64_t first = 0; first < count; first += kTogether) {
    const std::int64_t together = std::min(kTogether, count - first);
    Tensor pixels = Tensor::empty({together, 3, size, size}, DType::f32);
    for (std::int64_t i = 0; i < together; ++i) {
      processor_.pixels.process(tiles[static_cast<std::size_t>(first + i)], pixels.data<float>() + i * 3 * size * size);
    }
    Tensor to = seen.rows(first * patches, (first + together) * patches);
    convert(tiles_.vectors(pixels), to);
  }

  // The whole picture's vectors, then those of the tiles as rows of one large picture.
  const Layout placed = processor_.layout(image.width, image.height);
  const int columns = placed.grid.width / processor_.tile_size;
  const Kept kept =
      unpadded(image.width, image.height, columns * side(), placed.grid.height / processor_.tile_size * side());
  const std::int64_t vectors = patches + std::int64_t{kept.rows()} * (kept.columns() + 1);
  EncodedPicture out{Tensor::empty({vectors, width}, DType::f32),
                     std::vector<TokenId>(static_cast<std::size_t>(vectors), config_.image_token)};
  std::int64_t at = 0;
  const auto put = [&](const Tensor& rows) {
    Tensor to = out.vectors.rows(at, at + rows.elements() / width);
    convert(rows, to);
    at += rows.elements() / width;
  };
  put(seen.rows(0, patches));
  for (int y = kept.top; y < kept.bottom; ++y) {
    for (int x = kept.left; x < kept.right;) {  // as far as the row stays within a tile
      const int end = std::min((x / side() + 1) * side(), kept.right);
      const std::int64_t tile = 1 + std::int64_t{y / side()} * columns + x / side();
      const std::int64_t row = tile * patches + y % side() * side() + x % side();
      put(seen.rows(row, row + end - x));
      x = end;
    }
    put(newline_);
  }
  return out;
}

std::vector<Region> LlavaNextPictures::places(const EncodedPicture& picture, int width, int height) const {
  const Layout placed = processor_.layout(width, height);
  const Kept kept = unpadded(width, height, placed.grid.width / processor_.tile_size * side(),
                             placed.grid.height / processor_.tile_size * side());
  std::vector<Region> regions;
  for (int i = 0; i < config_.vision.patches(); ++i) {
    const int row = i / side(), column = i % side();
    const double left = static_cast<double>(column) / side(), top = static_cast<double>(row) / side();
    regions.push_back({left, top, left + 1.0 / side(), top + 1.0 / side()});
  }
  const double patch = config_.vision.patch_size;
  const auto across = [&](int x) { return (x * patch - placed.left) / placed.picture.width; };
  const auto down = [&](int y) { return (y * patch - placed.top) / placed.picture.height; };
  for (int y = kept.top; y < kept.bottom; ++y) {
    for (int x = kept.left; x < kept.right; ++x) regions.push_back({across(x), down(y), across(x + 1), down(y + 1)});
    regions.emplace_back();  // the end of the row stands for no part
  }
  if (std::ssize(regions) != picture.vectors.size(0)) return {};
  return regions;
}

llava::Config parse_config(const ConfigReader& reader) {
  llava::Config config = llava::parse_config(reader);
  if (config.class_token) {
    throw Error(ErrorCode::unsupported_model,
                message("{}: not supported: {}", reader.origin(), "vision_feature_select_strategy \"full\""),
                message("supported: {}", "\"default\""));
  }
  return config;
}

}  // namespace gaze::llava_next
