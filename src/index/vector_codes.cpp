#include "index/vector_codes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include <xxhash.h>

#include "base/check.h"
#include "base/error.h"
#include "base/message.h"
#include "index/scan_kernel.h"

namespace gaze {
namespace {

constexpr char kMagic[8] = {'G', 'A', 'Z', 'E', 'S', 'C', 'A', 'N'};
constexpr std::uint32_t kVersion = 1;

// The head of a scan file; little-endian, as every CPU that Gaze runs on.
struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t dimension;
  std::uint64_t count;
  double largest_code_norm;
  std::uint64_t checksum;  // XXH3 of all that follows the header, seeded with that of the header before this field
  std::byte library[16];
  std::int64_t model;
  std::int64_t revision;
  std::byte reserved[56];
};
static_assert(sizeof(Header) == 128);

constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + kCodeAlignment - 1) / kCodeAlignment * kCodeAlignment;
}

// Where each section lies; all start at a multiple of kCodeAlignment.
struct Layout {
  std::size_t stride, mean, spread, ids, scales, error_norms, codes, end;

  Layout(std::size_t dimension, std::size_t count) {
    stride = padded(dimension);
    mean = sizeof(Header);
    spread = mean + padded(dimension * sizeof(float));
    ids = spread + padded(dimension * sizeof(float));
    scales = ids + padded(count * sizeof(std::int64_t));
    error_norms = scales + padded(count * sizeof(float));
    codes = error_norms + padded(count * sizeof(float));
    end = codes + count * stride;
  }
};

// So many rows of the largest dimension stay far below 2^64 bytes.
constexpr std::uint64_t kMostRows = std::uint64_t{1} << 40;

Header header_of(std::span<const std::byte> image) {
  Header header;
  std::memcpy(&header, image.data(), sizeof(header));
  return header;
}

std::uint64_t checksum_of(const Header& header, std::span<const std::byte> image) {
  Header plain = header;
  plain.checksum = 0;
  const auto rest = image.subspan(sizeof(Header));
  return XXH3_64bits_withSeed(rest.data(), rest.size(), XXH3_64bits(&plain, sizeof(plain)));
}

// The smallest float that is not below `value`.
float rounded_up(double value) {
  const auto nearest = static_cast<float>(value);
  return nearest >= value ? nearest : std::nextafter(nearest, std::numeric_limits<float>::infinity());
}

template <class T>
T* section(std::byte* image, std::size_t offset) {
  return reinterpret_cast<T*>(image + offset);
}

}  // namespace

void VectorCodes::point_into(std::span<const std::byte> image) {
  const Header header = header_of(image);
  const Layout layout(header.dimension, header.count);
  GAZE_CHECK(image.size() == layout.end);
  const auto part = [&]<class T>(std::size_t offset, std::size_t length, T) {
    return std::span<const T>(reinterpret_cast<const T*>(image.data() + offset), length);
  };
  image_ = image;
  size_ = static_cast<std::int64_t>(header.count);
  dimension_ = static_cast<int>(header.dimension);
  stride_ = static_cast<std::int64_t>(layout.stride);
  largest_code_norm_ = header.largest_code_norm;
  mean_ = part(layout.mean, header.dimension, float{});
  spread_ = part(layout.spread, header.dimension, float{});
  ids_ = part(layout.ids, header.count, std::int64_t{});
  scales_ = part(layout.scales, header.count, float{});
  error_norms_ = part(layout.error_norms, header.count, float{});
  codes_ = part(layout.codes, header.count * layout.stride, std::int8_t{}).data();
}

void VectorCodes::save(const std::filesystem::path& path) const {
  write_file_atomically(path, image_);
}

std::optional<VectorCodes> VectorCodes::open(const std::filesystem::path& path, const CodesKey& key) {
  std::shared_ptr<const MappedFile> file;
  try {
    file = std::make_shared<const MappedFile>(path);
  } catch (const Error&) {
    return {};
  }
  const std::span<const std::byte> image = file->bytes();
  if (image.size() < sizeof(Header)) return {};
  const Header header = header_of(image);
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 || header.version != kVersion) return {};
  if (std::memcmp(header.library, key.library.data(), sizeof(header.library)) != 0 || header.model != key.model ||
      header.revision != key.revision) {
    return {};
  }
  if (header.dimension == 0 || header.dimension > kLargestDimension || header.count > kMostRows) return {};
  if (image.size() != Layout(header.dimension, header.count).end || checksum_of(header, image) != header.checksum) {
    return {};
  }
  VectorCodes codes;
  codes.owner_ = file;
  codes.point_into(image);
  return codes;
}

VectorCodesBuilder::VectorCodesBuilder(int dimension, std::int64_t count, std::span<const float> sample,
                                       const CodesKey& key) {
  GAZE_CHECK(dimension > 0 && dimension <= kLargestDimension && count >= 0);
  GAZE_CHECK(sample.size() % static_cast<std::size_t>(dimension) == 0);
  const auto width = static_cast<std::size_t>(dimension);
  const Layout layout(width, static_cast<std::size_t>(count));
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(kCodeAlignment, layout.end)), std::free);
  if (!memory_) throw Error(ErrorCode::out_of_memory, message("no memory to search {} vectors", count));
  std::memset(memory_.get(), 0, layout.codes);

  Header header{};
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  header.version = kVersion;
  header.dimension = static_cast<std::uint32_t>(dimension);
  header.count = static_cast<std::uint64_t>(count);
  std::copy(key.library.begin(), key.library.end(), header.library);
  header.model = key.model;
  header.revision = key.revision;
  std::memcpy(memory_.get(), &header, sizeof(header));

  std::vector<double> sum(width), square(width);
  for (std::size_t at = 0; at < sample.size(); ++at) sum[at % width] += sample[at];
  const std::size_t whole_rows = sample.size() / width;
  const auto rows = static_cast<double>(std::max<std::size_t>(1, whole_rows));
  auto* mean = section<float>(memory_.get(), layout.mean);
  auto* spread = section<float>(memory_.get(), layout.spread);
  for (std::size_t i = 0; i < width; ++i) mean[i] = static_cast<float>(sum[i] / rows);
  for (std::size_t at = 0; at < sample.size(); ++at) {
    const double away = static_cast<double>(sample[at]) - mean[at % width];
    square[at % width] += away * away;
  }
  // A dimension in which the sample hardly varies still needs a step that later vectors can be written in.
  const double widest = std::sqrt(*std::max_element(square.begin(), square.end()) / rows);
  for (std::size_t i = 0; i < width; ++i) {
    const double deviation = std::max(std::sqrt(square[i] / rows), widest / 1024);
    spread[i] = deviation > 1e-12 ? static_cast<float>(deviation) : 1.0f;
  }
  codes_.owner_ = memory_;
  codes_.point_into({memory_.get(), layout.end});
}

void VectorCodesBuilder::add(std::int64_t id, std::span<const float> vector) {
  GAZE_CHECK(added_ < codes_.size() && vector.size() == codes_.mean().size());
  const std::size_t width = vector.size();
  const Layout layout(width, static_cast<std::size_t>(codes_.size()));
  const float* mean = codes_.mean().data();
  const float* spread = codes_.spread().data();
  auto* row = section<std::int8_t>(memory_.get(), layout.codes) + added_ * codes_.stride();

  double norm = 0;
  float reach = 0;
  for (std::size_t i = 0; i < width; ++i) {
    norm += static_cast<double>(vector[i]) * vector[i];
    reach = std::max(reach, std::fabs(vector[i] - mean[i]) / spread[i]);
  }
  GAZE_CHECK(std::fabs(norm - 1) < 0.02);  // also false for NaN

  const float scale = reach / 127;
  const float inverse = scale > 0 ? 1 / scale : 0;
  double lost = 0, kept = 0;
  for (std::size_t i = 0; i < width; ++i) {
    const float exact = (vector[i] - mean[i]) / spread[i] * inverse;
    const float code = std::nearbyint(std::clamp(exact, -127.0f, 127.0f));
    row[i] = static_cast<std::int8_t>(code);
    const double error = static_cast<double>(vector[i]) - (mean[i] + static_cast<double>(spread[i]) * scale * code);
    lost += error * error;
    kept += static_cast<double>(code) * code;
  }
  std::memset(row + width, 0, static_cast<std::size_t>(codes_.stride()) - width);
  section<std::int64_t>(memory_.get(), layout.ids)[added_] = id;
  section<float>(memory_.get(), layout.scales)[added_] = scale;
  section<float>(memory_.get(), layout.error_norms)[added_] = rounded_up(std::sqrt(lost) * (1 + 1e-9));
  codes_.largest_code_norm_ = std::max(codes_.largest_code_norm_, scale * std::sqrt(kept));
  ++added_;
}

VectorCodes VectorCodesBuilder::finish() {
  GAZE_CHECK(added_ == codes_.size());
  auto* header = section<Header>(memory_.get(), 0);
  header->largest_code_norm = codes_.largest_code_norm_;
  header->checksum = checksum_of(*header, codes_.image_);
  return std::move(codes_);
}

}  // namespace gaze
