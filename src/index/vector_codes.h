// Unit vectors in 8 bits, with a proven bound on what that loses: what exact search reads instead of the vectors.
//
//   v = mean + spread ∘ (scale · code) + error,   ‖error‖ ≤ error_norm
//
// Mean and spread (one number a dimension, from a sample) take out what all vectors share: CLIP's have a few
// dimensions far larger than the rest, which would otherwise eat the 8 bits of all others.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "base/file.h"

namespace gaze {

// Which state of which vectors a file of codes was made from; a file with another key is out of date.
struct CodesKey {
  std::array<std::byte, 16> library{};
  std::int64_t model = 0;
  std::int64_t revision = 0;

  bool operator==(const CodesKey&) const = default;
};

// Immutable; safe to share between threads. Copies share memory.
class VectorCodes {
 public:
  VectorCodes() = default;  // no vectors

  std::int64_t size() const { return size_; }
  int dimension() const { return dimension_; }
  std::int64_t stride() const { return stride_; }  // bytes from one row of codes to the next
  // Largest scale · ‖code‖ of all rows: how much a rounding error of the query can be multiplied by.
  double largest_code_norm() const { return largest_code_norm_; }

  std::span<const float> mean() const { return mean_; }
  std::span<const float> spread() const { return spread_; }
  std::span<const std::int64_t> ids() const { return ids_; }
  std::span<const float> scales() const { return scales_; }
  std::span<const float> error_norms() const { return error_norms_; }
  const std::int8_t* row(std::int64_t index) const { return codes_ + index * stride_; }

  // Saved as described in docs/formats.md ("Scan file"). Errors: disk_full, not_found.
  void save(const std::filesystem::path& path) const;
  // Maps a saved file. Nothing where none can be read, or it is damaged, of another version or under another key.
  static std::optional<VectorCodes> open(const std::filesystem::path& path, const CodesKey& key);

 private:
  friend class VectorCodesBuilder;
  void point_into(std::span<const std::byte> image);

  std::shared_ptr<const void> owner_;
  std::span<const std::byte> image_;  // header and sections, as in the file
  std::int64_t size_ = 0;
  int dimension_ = 0;
  std::int64_t stride_ = 0;
  double largest_code_norm_ = 0;
  std::span<const float> mean_, spread_;
  std::span<const std::int64_t> ids_;
  std::span<const float> scales_, error_norms_;
  const std::int8_t* codes_ = nullptr;
};

inline constexpr int kLargestDimension = 65'536;

// Makes codes of `count` vectors, added one by one. Not thread-safe.
class VectorCodesBuilder {
 public:
  // `sample`: rows of `dimension` floats like those to come (any; a poor sample costs speed, not exactness).
  // Errors: out_of_memory.
  VectorCodesBuilder(int dimension, std::int64_t count, std::span<const float> sample, const CodesKey& key = {});

  // A vector of length 1 (within 1 %). Ids are what search returns.
  void add(std::int64_t id, std::span<const float> vector);

  VectorCodes finish();  // after exactly `count` adds

 private:
  std::shared_ptr<std::byte> memory_;
  VectorCodes codes_;
  std::int64_t added_ = 0;
};

}  // namespace gaze
