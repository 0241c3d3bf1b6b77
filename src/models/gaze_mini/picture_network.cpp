#include "models/gaze_mini/picture_network.h"

#include <algorithm>

#include "base/parallel.h"
#include "ops/elementwise.h"

namespace gaze::gaze_mini {
namespace {

Tensor matrix(const WeightScope& scope) {  // a 1×1 convolution as [out, in]
  const Tensor weight = scope.tensor("weight");
  return weight.reshaped({weight.size(0), weight.size(1)});
}

InvertedResidual load_block(const WeightScope& scope, const BlockConfig& config) {
  InvertedResidualWeights weights;
  if (config.expand) {
    weights.expand_weight = matrix(scope / "expand");
    weights.expand_bias = (scope / "expand").f32("bias");
  }
  const Tensor depthwise = (scope / "depthwise").tensor("weight");
  weights.depthwise_weight = depthwise.reshaped({depthwise.size(0), depthwise.size(2), depthwise.size(3)});
  weights.depthwise_bias = (scope / "depthwise").f32("bias");
  weights.project_weight = matrix(scope / "project");
  weights.project_bias = (scope / "project").f32("bias");
  weights.stride = config.stride;
  return {weights, Pointwise::best_dtype(scope.precision())};
}

std::vector<InvertedResidual> load_blocks(const WeightScope& scope, const VisionConfig& config) {
  std::vector<InvertedResidual> blocks;
  for (std::size_t i = 0; i < config.blocks.size(); ++i) {
    blocks.push_back(load_block(scope / static_cast<int>(i), config.blocks[i]));
  }
  return blocks;
}

void add_convolution(WeightTable& table, const std::string& scope, Shape weight) {
  const std::int64_t out = weight[0];
  table.add(scope + ".weight", std::move(weight));
  table.add(scope + ".bias", {out});
}

// A picture with left and right exchanged.
void mirror(const float* from, std::int64_t rows, std::int64_t width, float* to) {
  for (std::int64_t r = 0; r < rows; ++r) std::reverse_copy(from + r * width, from + (r + 1) * width, to + r * width);
}

}  // namespace

PictureNetwork::PictureNetwork(const WeightScope& scope, const VisionConfig& config)
    : config_(config),
      stem_((scope / "stem").tensor("weight"), (scope / "stem").f32("bias"), config.stem_stride),
      blocks_(load_blocks(scope / "blocks", config)),
      head_(matrix(scope / "head"), (scope / "head").f32("bias"), /*relu6=*/true,
            Pointwise::best_dtype(scope.precision())) {}

void PictureNetwork::add_rows(WeightTable& table, const std::string& scope, const VisionConfig& config) {
  add_convolution(table, scope + ".stem", {config.stem_channels, 3, config.stem_kernel, config.stem_kernel});
  for (std::size_t i = 0; i < config.blocks.size(); ++i) {
    const BlockConfig& block = config.blocks[i];
    const std::string name = scope + ".blocks." + std::to_string(i);
    if (block.expand) add_convolution(table, name + ".expand", {block.middle_channels, block.in_channels, 1, 1});
    add_convolution(table, name + ".depthwise", {block.middle_channels, 1, block.kernel_size, block.kernel_size});
    add_convolution(table, name + ".project", {block.out_channels, block.middle_channels, 1, 1});
  }
  add_convolution(table, scope + ".head", {config.hidden_size, config.map_channels(), 1, 1});
}

void PictureNetwork::run_stem(const float* pixels, Tensor& x) const {
  const std::int64_t size = config_.image_size, side = x.size(0);
  const std::int64_t before = same_padding_before(size, config_.stem_kernel, config_.stem_stride);
  Scratch::Frame frame;
  Tensor row = frame.tensor({side, config_.stem_channels}, DType::f32);
  for (std::int64_t y = 0; y < side; ++y) {
    stem_.run_row(pixels, size, size, before, before, y, side, row.data<float>());
    Tensor to = x.rows(y, y + 1);
    convert(row, to);
  }
}

Tensor PictureNetwork::run_blocks(const float* pixels, int blocks, Scratch::Frame& frame) const {
  const std::int64_t side = (config_.image_size + config_.stem_stride - 1) / config_.stem_stride;
  Tensor x = frame.tensor({side, side, config_.stem_channels}, head_.dtype());
  run_stem(pixels, x);
  for (const InvertedResidual& block : std::span(blocks_).first(static_cast<std::size_t>(blocks))) {
    Tensor y =
        frame.tensor({block.output_size(x.size(0)), block.output_size(x.size(1)), block.out_channels()}, head_.dtype());
    block.run(x, y);
    x = y;
  }
  return x;
}

void PictureNetwork::run_one(const float* pixels, float* pooled, float* feature_map) const {
  Scratch::Frame frame;
  const Tensor map = run_blocks(pixels, static_cast<int>(blocks_.size()), frame);
  const std::int64_t positions = map.size(0) * map.size(1), width = config_.hidden_size;
  if (feature_map) {
    Tensor wide = frame.tensor(map.shape(), DType::f32);
    convert(map, wide);
    std::ranges::copy(wide.values<float>(), feature_map);
  }
  Tensor head = frame.tensor({positions, width}, DType::f32);
  head_.run(map.raw(), positions, map.size(2), {.f32 = head.data<float>(), .stride = width});
  std::fill_n(pooled, width, 0.0f);
  for (std::int64_t p = 0; p < positions; ++p) {
    const float* row = head.data<float>() + p * width;
    for (std::int64_t c = 0; c < width; ++c) pooled[c] += row[c];
  }
  for (std::int64_t c = 0; c < width; ++c) pooled[c] /= static_cast<float>(positions);
}

void PictureNetwork::run(const Tensor& pixels, Tensor& pooled, Tensor& feature_map) const {
  const std::int64_t count = pixels.size(0), size = config_.image_size, picture = 3 * size * size;
  const std::int64_t map_size = std::int64_t{config_.map_side()} * config_.map_side() * config_.map_channels();
  GAZE_CHECK(pixels.elements() == count * picture);
  const float* from = pixels.data<float>();
  float* to = pooled.data<float>();
  float* map = feature_map.defined() ? feature_map.data<float>() : nullptr;
  parallel_for(count, [&](std::int64_t i) {
    float* vector = to + i * config_.hidden_size;
    run_one(from + i * picture, vector, map ? map + i * map_size : nullptr);
    if (!config_.mirror) return;
    Scratch::Frame frame;
    Tensor flipped = frame.tensor({picture}, DType::f32), other = frame.tensor({config_.hidden_size}, DType::f32);
    mirror(from + i * picture, 3 * size, size, flipped.data<float>());
    run_one(flipped.data<float>(), other.data<float>(), nullptr);
    for (int c = 0; c < config_.hidden_size; ++c) vector[c] = (vector[c] + other.data<float>()[c]) / 2;
  });
}

Tensor PictureNetwork::features(const Tensor& pixels, int blocks) const {
  Scratch::Frame frame;
  return run_blocks(pixels.data<float>(), blocks, frame).to_f32();
}

}  // namespace gaze::gaze_mini
