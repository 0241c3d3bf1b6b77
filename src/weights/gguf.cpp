#include "weights/gguf.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "base/file.h"
#include "base/message.h"
#include "weights/gguf_types.h"

namespace gaze {
namespace {

constexpr std::uint32_t kMostDimensions = 4;   // ggml's
constexpr std::uint64_t kSmallestTensor = 25;  // a name's length, one byte of name, dimensions, type, offset

}  // namespace

GgufFile::GgufFile(const WeightFile& file) : origin_(file.origin), mapped_(file.mapped) {
  const auto count = std::ssize(file.rest) + 1;
  auto owners = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  metadata_ = read_part(file, places_);
  check_part(file, metadata_, 0, count);
  owners->push_back(file.owner);
  for (const WeightFile& part : file.rest) {
    check_part(part, read_part(part, places_), std::ssize(*owners), count);
    owners->push_back(part.owner);
  }
  owner_ = std::move(owners);
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.info.name < b.info.name; });
  for (const Place& place : places_) {
    if (!infos_.empty() && infos_.back().name == place.info.name) {
      refuse(origin_, message("tensor {} is there twice", in_quotes(place.info.name)));
    }
    infos_.push_back(place.info);
  }
}

// What llama.cpp's gguf-split writes into each part.
void GgufFile::check_part(const WeightFile& file, const GgufMetadata& data, std::int64_t number, std::int64_t count) {
  const std::int64_t own = data.integer("split.no", 0), all = data.integer("split.count", 1);
  if (own == number && std::max<std::int64_t>(all, 1) == count) return;
  refuse(file.origin, message("split.no is {} and split.count {}, not {} and {}", own, all, number, count),
         message("a model in several files keeps their names (NAME-00001-of-00003.gguf …), all in one folder"));
}

GgufMetadata GgufFile::read_part(const WeightFile& file, std::vector<Place>& all) {
  const std::string& origin = file.origin;
  ByteReader reader(file.bytes, origin);
  if (reader.text(4) != "GGUF") refuse(origin, message("does not begin with 'GGUF'"));
  const auto version = reader.number<std::uint32_t>();
  if (version != 2 && version != 3) {
    const std::uint32_t swapped = __builtin_bswap32(version);
    refuse(origin,
           swapped == 2 || swapped == 3 ? message("saved on a machine of another byte order")
                                        : message("GGUF version {} is not supported: 2 and 3 are", version),
           message("convert the model again with a current llama.cpp"));
  }
  const auto tensor_count = reader.number<std::uint64_t>();
  const auto key_count = reader.number<std::uint64_t>();
  if (tensor_count > reader.remaining() / kSmallestTensor) {
    refuse(origin, message("{} tensors do not fit into the {} bytes that follow", tensor_count, reader.remaining()));
  }
  GgufMetadata metadata(reader, key_count, origin);
  const std::int64_t alignment = metadata.integer("general.alignment", kGgufAlignment);
  if (alignment <= 0 || !std::has_single_bit(static_cast<std::uint64_t>(alignment))) {
    refuse(origin, message("general.alignment is {}, not a power of two", alignment));
  }
  std::vector<Place> places;
  for (std::uint64_t i = 0; i < tensor_count; ++i) places.push_back(read_place(reader, origin));

  const auto step = static_cast<std::uint64_t>(alignment);
  const std::uint64_t padding = (step - reader.position() % step) % step;
  const bool has_data = std::any_of(places.begin(), places.end(), [](const Place& place) { return place.size > 0; });
  const auto data = has_data ? (reader.take(padding), file.bytes.subspan(reader.position())) : decltype(file.bytes){};
  check_places(data.size(), step, origin, places);
  for (Place& place : places) {
    place.bytes = data.subspan(place.size == 0 ? 0 : place.offset, place.size);
    all.push_back(std::move(place));
  }
  return metadata;
}

GgufFile::Place GgufFile::read_place(ByteReader& reader, const std::string& origin) {
  const std::string_view name = reader.text(reader.number<std::uint64_t>());
  if (!is_sane_name(name)) {
    refuse(origin, message("a tensor's name is empty, too long or not text: {}", in_quotes(name)));
  }
  const auto rank = reader.number<std::uint32_t>();
  if (rank > kMostDimensions) {
    refuse(origin, message("tensor {}: more than {} dimensions", in_quotes(name), kMostDimensions));
  }
  std::vector<std::int64_t> extents(rank);
  for (auto extent = extents.rbegin(); extent != extents.rend(); ++extent) {
    *extent = reader.number<std::int64_t>();
    if (*extent < 0)
      refuse(origin, message("tensor {}: shape {} is too large", in_quotes(name), to_string(Shape(extents))));
  }
  const auto type = reader.number<std::uint32_t>();
  Place place;
  place.info = {std::string(name), DType::f32, Shape(std::move(extents))};
  place.offset = reader.number<std::uint64_t>();  // apart: g++ 12 destroys a nested aggregate twice where this throws

  const auto* plain = std::ranges::find(kGgufPlainTypes, type, &GgufPlainType::number);
  const auto* blocked = std::ranges::find(kGgufBlockTypes, type, &GgufBlockType::number);
  if (plain != std::end(kGgufPlainTypes)) {
    place.info.dtype = plain->type;
    place.size = byte_size(place.info, origin);
  } else if (blocked != std::end(kGgufBlockTypes)) {
    place.block = blocked->type;
    const auto elements = static_cast<std::int64_t>(byte_size(place.info, origin) / size_of(DType::f32));
    const std::int64_t width = rank == 0 ? 1 : place.info.shape[-1], block = block_elements(*place.block);
    if (width % block != 0) {
      refuse(origin, message("tensor {}: rows of {} are not whole {} blocks of {}", in_quotes(name), width,
                             to_string(*place.block), block));
    }
    place.size = static_cast<std::uint64_t>(elements / block * block_bytes(*place.block));
  } else {
    refuse(origin, message("tensor {}: ggml type {} is not supported", in_quotes(name), type),
           message("supported: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K; take such a file, as "
                   "Q4_K_M"));
  }
  return place;
}

// Expects the places as in the file; sorts them by their bytes.
void GgufFile::check_places(std::uint64_t data_bytes, std::uint64_t alignment, const std::string& origin,
                            std::vector<Place>& places) {
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.offset < b.offset; });
  std::uint64_t end = 0;
  for (const Place& place : places) {
    const std::string name = in_quotes(place.info.name);
    if (place.offset % alignment != 0) {
      refuse(origin, message("tensor {}: its place {} is off the alignment of {}", name, place.offset, alignment));
    }
    if (place.size == 0) continue;
    if (place.offset > data_bytes || place.size > data_bytes - place.offset) {
      refuse(origin, message("tensor {}: {} bytes at {} reach beyond the {} bytes of data", name, place.size,
                             place.offset, data_bytes));
    }
    if (place.offset < end) {
      refuse(origin, message("tensor {}: overlaps the one before it by {} bytes", name, end - place.offset));
    }
    end = place.offset + place.size;
  }
}

const GgufFile::Place& GgufFile::find_place(std::string_view name) const {
  const TensorInfo* info = find(name);
  if (!info) refuse_missing(origin_, name);
  return places_[static_cast<std::size_t>(info - infos_.data())];
}

Tensor GgufFile::tensor(std::string_view name) const {
  const Place& place = find_place(name);
  if (place.block) return BlockTensor{*place.block, place.info.shape, place.bytes, owner_}.to_f32();
  return Tensor::borrow(place.bytes, place.info.shape, place.info.dtype, owner_);
}

std::optional<BlockTensor> GgufFile::blocks(std::string_view name) const {
  const Place& place = find_place(name);
  if (!place.block) return std::nullopt;
  return BlockTensor{*place.block, place.info.shape, place.bytes, owner_};
}

void GgufFile::forget(std::string_view name) const {
  const TensorInfo* info = find(name);
  if (mapped_ && info) MappedFile::forget(places_[static_cast<std::size_t>(info - infos_.data())].bytes);
}

}  // namespace gaze
