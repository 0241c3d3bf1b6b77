#include "models/idefics3/picture_encoder.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/message.h"
#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze::idefics3 {
namespace {

constexpr std::int64_t kTogether = 4;  // tiles that go through the tower at once

// Groups of scale × scale neighbouring patches become one row each: first along the rows of the picture, then down.
// hidden: float32 [tiles, side², width]; folded: [tiles · (side / scale)², width · scale²].
void fold(const Tensor& hidden, std::int64_t side, std::int64_t scale, Tensor& folded) {
  const std::int64_t width = hidden.size(2), groups = side / scale;
  const Tensor in = hidden.reshaped({hidden.elements() / width, width});
  Tensor out = folded.reshaped({in.size(0), width});
  std::int64_t to = 0;
  for (std::int64_t tile = 0; tile < hidden.size(0); ++tile) {
    for (std::int64_t group = 0; group < groups * groups; ++group) {
      for (std::int64_t y = 0; y < scale; ++y) {
        const std::int64_t from = (tile * side + group / groups * scale + y) * side + group % groups * scale;
        Tensor part = out.rows(to, to + scale);
        convert(in.rows(from, from + scale), part);
        to += scale;
      }
    }
  }
}

}  // namespace

Idefics3Pictures::Network::Network(const WeightScope& scope, const Config& config)
    :  // Positions of the reference's variable sizes: a tile is never smaller, so that they are those of the patches.
      embeddings({.kernel = (scope / "vision_model" / "embeddings" / "patch_embedding").tensor("weight"),
                  .bias = (scope / "vision_model" / "embeddings" / "patch_embedding").f32("bias"),
                  .class_embedding = {},
                  .position_embedding = (scope / "vision_model" / "embeddings" / "position_embedding").f32("weight")},
                 scope.precision()),
      encoder(scope / "vision_model" / "encoder" / "layers", config.vision.encoder, clip_layer_names()),
      post_layernorm(scope / "vision_model" / "post_layernorm", config.vision.encoder.layer_norm_eps),
      projection(scope / "connector" / "modality_projection" / "proj") {}

Idefics3Pictures::Idefics3Pictures(const WeightScope& scope, const Config& config, const TileProcessor& processor,
                                   const Tokenizer& tokenizer)
    : config_(config),
      processor_(processor),
      tokenizer_(tokenizer),
      network_([scope, config] { return std::make_unique<const Network>(scope, config); }) {}

void Idefics3Pictures::add_rows(WeightTable& table, const Config& config) {
  const VisionConfig& vision = config.vision;
  const int width = vision.encoder.hidden_size;
  table.add("vision_model.embeddings.patch_embedding.weight", {width, 3, vision.patch_size, vision.patch_size});
  table.add("vision_model.embeddings.patch_embedding.bias", {width});
  table.add("vision_model.embeddings.position_embedding.weight", {vision.patches(), width});
  Encoder::add_rows(table, "vision_model.encoder.layers", vision.encoder, clip_layer_names());
  table.add_norm("vision_model.post_layernorm", width);
  table.add_linear("connector.modality_projection.proj", config.folded_width(), config.text.hidden_size, false);
}

Tensor Idefics3Pictures::hidden_states(const Tensor& pixels, int layers) const {
  const std::int64_t tiles = pixels.size(0), length = config_.vision.patches();
  Tensor hidden = Tensor::empty({tiles, length, config_.vision.encoder.hidden_size}, DType::f32);
  network_->embeddings(pixels, hidden);
  network_->encoder.run(hidden, {.batch = tiles, .length = length}, layers);
  return hidden;
}

Tensor Idefics3Pictures::vectors(const Tensor& pixels) const {
  const Network& network = *network_;
  Tensor hidden = hidden_states(pixels, network.encoder.size());
  network.post_layernorm(hidden, hidden);
  const std::int64_t tiles = pixels.size(0), count = config_.vectors(), width = config_.text.hidden_size;
  Tensor folded = Tensor::empty({tiles * count, config_.folded_width()}, network.projection.input_dtype());
  fold(hidden, config_.vision.side(), config_.scale_factor, folded);
  Tensor out = Tensor::empty({tiles * count, width}, DType::f32);
  network.projection(folded, out);
  return out.reshaped({tiles, count, width});
}

std::string Idefics3Pictures::marks(int rows, int columns) const {
  constexpr const char* kAround = "<fake_token_around_image>";
  std::string images;
  for (int i = 0; i < config_.vectors(); ++i) images += tokenizer_.token(config_.image_token);
  std::string all;
  for (int row = 1; row <= rows; ++row) {
    for (int column = 1; column <= columns; ++column) {
      all += fmt::format("{}<row_{}_col_{}>{}", kAround, row, column, images);
    }
    all += '\n';
  }
  return all + fmt::format("{}{}<global-img>{}{}", rows > 0 ? "\n" : "", kAround, images, kAround);
}

EncodedPicture Idefics3Pictures::encode(std::span<const std::byte> file, const std::string& name,
                                        const DecodeOptions& options) const {
  const Tiles cut = processor_.cut(decode_image(file, name, options));
  const auto tiles = std::ssize(cut.tiles);
  const std::int64_t size = config_.vision.image_size, count = config_.vectors(), width = config_.text.hidden_size;
  EncodedPicture out;
  out.vectors = Tensor::empty({tiles * count, width}, DType::f32);
  for (std::int64_t first = 0; first < tiles; first += kTogether) {
    const std::int64_t together = std::min(kTogether, tiles - first);
    Tensor pixels = Tensor::empty({together, 3, size, size}, DType::f32);
    for (std::int64_t i = 0; i < together; ++i) {
      processor_.pixels.process(cut.tiles[static_cast<std::size_t>(first + i)],
                                pixels.data<float>() + i * 3 * size * size);
    }
    Tensor to = out.vectors.rows(first * count, (first + together) * count);
    convert(vectors(pixels), to);
  }
  out.ids = tokenizer_.encode(marks(cut.rows, cut.columns), {.add_special_tokens = false, .parse_special = true});
  if (std::ranges::count(out.ids, config_.image_token) != tiles * count) {
    throw Error(ErrorCode::bad_weights,
                message("the tokenizer does not know {} as token {}", "<image>", config_.image_token));
  }
  return out;
}

std::vector<Region> Idefics3Pictures::places(const EncodedPicture& picture, int /*width*/, int /*height*/) const {
  // The marks before the vectors say which tile they are of; tiles cover the picture evenly, whatever its size.
  struct Tile {
    int row = 0, column = 0;  // from 1; 0: the picture as a whole
  };
  std::vector<Tile> tiles;  // of each vector
  Tile now, last{1, 1};
  for (const TokenId id : picture.ids) {
    if (id == config_.image_token) {
      tiles.push_back(now);
      continue;
    }
    const std::string mark = tokenizer_.token(id);
    if (mark == "<global-img>") now = {};
    if (Tile tile; std::sscanf(mark.c_str(), "<row_%2d_col_%2d>", &tile.row, &tile.column) == 2) {
      if (tile.row < 1 || tile.column < 1) return {};
      last = now = tile;
    }
  }
  const int side = config_.vision.side() / config_.scale_factor;
  std::vector<Region> regions;
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const bool whole = tiles[i].row == 0;
    const double across = 1.0 / (whole ? 1 : last.column), down = 1.0 / (whole ? 1 : last.row);
    const int place = static_cast<int>(i) % config_.vectors(), row = place / side, column = place % side;
    const double left = (whole ? 0 : (tiles[i].column - 1) * across) + across * column / side;
    const double top = (whole ? 0 : (tiles[i].row - 1) * down) + down * row / side;
    regions.push_back({left, top, left + across / side, top + down / side});
  }
  return regions;
}

std::string canonical_name(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kBeginnings{{
      {"model.text_model.", "model."},
      {"model.vision_model.", "vision_model."},
      {"model.connector.", "connector."},
  }};
  for (const auto& [found, ours] : kBeginnings) {
    if (name.starts_with(found)) return std::string(ours).append(name.substr(found.size()));
  }
  return std::string(name);
}

}  // namespace gaze::idefics3
