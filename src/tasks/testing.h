// Shared by this room's tests and those that cross rooms: a small encoder that needs no weights, and pictures for it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <string>
#include <thread>

#include <png.h>

#include "base/check.h"
#include "models/dual_encoder.h"

namespace gaze::testing_tools {

// The alphabet is bytes: what the encoder below reads its colour words from.
class ByteTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions&) const override {
    return {text.begin(), text.end()};
  }
  std::string decode(std::span<const TokenId> ids, bool) const override { return {ids.begin(), ids.end()}; }
  int vocabulary_size() const override { return 128; }
  std::string token(TokenId id) const override { return std::string(1, static_cast<char>(id)); }
  TokenId id(std::string_view token) const override { return token.empty() ? -1 : token[0]; }
  bool is_special(TokenId) const override { return false; }
  const SpecialTokens& special_tokens() const override { return special_; }
  int model_max_length() const override { return 0; }

 private:
  SpecialTokens special_;
};

// A picture's vector is its 4 × 4 mean colours around grey; a text's is that of a plain picture of its colour ("red",
// "green", "blue"). Deterministic, so a test knows what must be stored. Counts the pictures it sees.
class ColourEncoder : public DualEncoder {
 public:
  static constexpr int kSide = 32, kCells = 4;

  explicit ColourEncoder(int repeats = 1, std::chrono::milliseconds pause = {}) : repeats_(repeats), pause_(pause) {
    info_.family = "colours";
    info_.dimension = 3 * kCells * kCells * repeats;
    info_.context_length = 77;
    processor_.resize_height = processor_.resize_width = kSide;
    processor_.resample = Resample::bilinear;
  }

  const DualEncoderInfo& info() const override { return info_; }
  Precision precision() const override { return Precision::f32; }
  const ImageProcessor& image_processor() const override { return processor_; }
  const Tokenizer& tokenizer() const override { return tokenizer_; }

  Tensor encode_images(const Tensor& pixels) const override {
    std::this_thread::sleep_for(pause_);
    seen += pixels.size(0);
    Tensor vectors = Tensor::zeros({pixels.size(0), info_.dimension}, DType::f32);
    const int cell = kSide / kCells;
    for (std::int64_t n = 0; n < pixels.size(0); ++n) {
      const float* from = pixels.data<float>() + n * 3 * kSide * kSide;
      float* to = vectors.data<float>() + n * info_.dimension;
      for (int i = 0; i < 3 * kSide * kSide; ++i) {
        const int channel = i / (kSide * kSide), y = i / kSide % kSide, x = i % kSide;
        to[(channel * kCells + y / cell) * kCells + x / cell] += from[i] - 0.5f;
      }
      finish(to);
    }
    return vectors;
  }

  Tensor encode_texts(std::span<const std::vector<TokenId>> texts) const override {
    Tensor vectors = Tensor::zeros({std::ssize(texts), info_.dimension}, DType::f32);
    for (std::size_t n = 0; n < texts.size(); ++n) {
      float* to = vectors.data<float>() + static_cast<std::int64_t>(n) * info_.dimension;
      const int channel = texts[n].empty() ? 0 : texts[n][0] == 'g' ? 1 : texts[n][0] == 'b' ? 2 : 0;
      for (int i = 0; i < 3 * kCells * kCells; ++i) to[i] = i / (kCells * kCells) == channel ? 0.5f : -0.5f;
      finish(to);
    }
    return vectors;
  }

  mutable std::atomic<std::int64_t> seen = 0;

 private:
  void finish(float* vector) const {
    constexpr int kOnce = 3 * kCells * kCells;
    vector[0] += 1e-3f;  // grey has a direction too
    double squares = 0;
    for (int i = 0; i < kOnce; ++i) squares += static_cast<double>(vector[i]) * vector[i];
    const double length = std::sqrt(squares * repeats_);
    for (int i = 0; i < kOnce * repeats_; ++i) {
      vector[i] = i < kOnce ? static_cast<float>(vector[i] / length) : vector[i - kOnce];
    }
  }

  int repeats_;
  std::chrono::milliseconds pause_;
  DualEncoderInfo info_;
  ImageProcessor processor_;
  ByteTokenizer tokenizer_;
};

inline void write_png(const std::filesystem::path& path, const Image& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  GAZE_CHECK(png_image_write_to_file(&png, path.c_str(), 0, image.rgb.data(), 0, nullptr));
}

// A picture of its own for every seed, of mostly one colour: red, green, blue in turn.
inline Image coloured(unsigned seed, int width = 40, int height = 30) {
  Image image{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
  std::uint32_t state = seed * 2654435761u + 1;
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    if (i % 192 == 0) state = state * 1664525 + 1013904223;
    const bool main_colour = i % 3 == seed % 3;
    image.rgb[i] = static_cast<std::uint8_t>(main_colour ? 200 + (state >> 24) % 56 : (state >> 24) % 100);
  }
  return image;
}

}  // namespace gaze::testing_tools
