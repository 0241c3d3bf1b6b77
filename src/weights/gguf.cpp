#include "weights/gguf.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "base/message.h"
#include "weights/gguf_types.h"

namespace gaze {
namespace {

constexpr std::uint32_t kMostDimensions = 4;   // ggml's
constexpr std::uint64_t kSmallestTensor = 25;  // a name's length, one byte of name, dimensions, type, offset

}  // namespace

GgufFile::GgufFile(const WeightFile& file) : origin_(file.origin), owner_(file.owner) {
  ByteReader reader(file.bytes, origin_);
  if (reader.text(4) != "GGUF") refuse(origin_, message("does not begin with 'GGUF'"));
  const auto version = reader.number<std::uint32_t>();
  if (version != 2 && version != 3) {
    const std::uint32_t swapped = __builtin_bswap32(version);
    refuse(origin_,
           swapped == 2 || swapped == 3 ? message("saved on a machine of another byte order")
                                        : message("GGUF version {} is not supported: 2 and 3 are", version),
           message("convert the model again with a current llama.cpp"));
  }
  const auto tensor_count = reader.number<std::uint64_t>();
  const auto key_count = reader.number<std::uint64_t>();
  if (tensor_count > reader.remaining() / kSmallestTensor) {
    refuse(origin_, message("{} tensors do not fit into the {} bytes that follow", tensor_count, reader.remaining()));
  }
  metadata_ = GgufMetadata(reader, key_count, origin_);
  const std::int64_t alignment = metadata_.integer("general.alignment", kGgufAlignment);
  if (alignment <= 0 || !std::has_single_bit(static_cast<std::uint64_t>(alignment))) {
    refuse(origin_, message("general.alignment is {}, not a power of two", alignment));
  }
  for (std::uint64_t i = 0; i < tensor_count; ++i) places_.push_back(read_place(reader));

  const auto step = static_cast<std::uint64_t>(alignment);
  const std::uint64_t padding = (step - reader.position() % step) % step;
  const bool has_data = std::any_of(places_.begin(), places_.end(), [](const Place& place) { return place.size > 0; });
  const auto data = has_data ? (reader.take(padding), file.bytes.subspan(reader.position())) : decltype(file.bytes){};
  check_places(data.size(), step);
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.info.name < b.info.name; });
  for (Place& place : places_) {
    if (!infos_.empty() && infos_.back().name == place.info.name) {
      refuse(origin_, message("tensor {} is there twice", in_quotes(place.info.name)));
    }
    place.bytes = data.subspan(place.size == 0 ? 0 : place.offset, place.size);
    infos_.push_back(place.info);
  }
}

GgufFile::Place GgufFile::read_place(ByteReader& reader) const {
  const std::string_view name = reader.text(reader.number<std::uint64_t>());
  if (!is_sane_name(name)) {
    refuse(origin_, message("a tensor's name is empty, too long or not text: {}", in_quotes(name)));
  }
  const auto rank = reader.number<std::uint32_t>();
  if (rank > kMostDimensions) {
    refuse(origin_, message("tensor {}: more than {} dimensions", in_quotes(name), kMostDimensions));
  }
  std::vector<std::int64_t> extents(rank);
  for (auto extent = extents.rbegin(); extent != extents.rend(); ++extent) {
    *extent = reader.number<std::int64_t>();
    if (*extent < 0)
      refuse(origin_, message("tensor {}: shape {} is too large", in_quotes(name), to_string(Shape(extents))));
  }
  const auto type = reader.number<std::uint32_t>();
  Place place;
  place.info = {std::string(name), DType::f32, Shape(std::move(extents))};
  place.offset = reader.number<std::uint64_t>();  // apart: g++ 12 destroys a nested aggregate twice where this throws

  const auto* plain = std::ranges::find(kGgufPlainTypes, type, &GgufPlainType::number);
  const auto* blocked = std::ranges::find(kGgufBlockTypes, type, &GgufBlockType::number);
  if (plain != std::end(kGgufPlainTypes)) {
    place.info.dtype = plain->type;
    place.size = byte_size(place.info, origin_);
  } else if (blocked != std::end(kGgufBlockTypes)) {
    place.block = blocked->type;
    const auto elements = static_cast<std::int64_t>(byte_size(place.info, origin_) / size_of(DType::f32));
    const std::int64_t width = rank == 0 ? 1 : place.info.shape[-1], block = block_elements(*place.block);
    if (width % block != 0) {
      refuse(origin_, message("tensor {}: rows of {} are not whole {} blocks of {}", in_quotes(name), width,
                              to_string(*place.block), block));
    }
    place.size = static_cast<std::uint64_t>(elements / block * block_bytes(*place.block));
  } else {
    refuse(origin_, message("tensor {}: ggml type {} is not supported", in_quotes(name), type),
           message("supported: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K; take such a file, as "
                   "Q4_K_M"));
  }
  return place;
}

// Expects places_ as in the file; sorts them by their bytes.
void GgufFile::check_places(std::uint64_t data_bytes, std::uint64_t alignment) {
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.offset < b.offset; });
  std::uint64_t end = 0;
  for (const Place& place : places_) {
    const std::string name = in_quotes(place.info.name);
    if (place.offset % alignment != 0) {
      refuse(origin_, message("tensor {}: its place {} is off the alignment of {}", name, place.offset, alignment));
    }
    if (place.size == 0) continue;
    if (place.offset > data_bytes || place.size > data_bytes - place.offset) {
      refuse(origin_, message("tensor {}: {} bytes at {} reach beyond the {} bytes of data", name, place.size,
                              place.offset, data_bytes));
    }
    if (place.offset < end) {
      refuse(origin_, message("tensor {}: overlaps the one before it by {} bytes", name, end - place.offset));
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

}  // namespace gaze
