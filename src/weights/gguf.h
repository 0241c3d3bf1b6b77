// GGUF (github.com/ggml-org/ggml, docs/gguf.md), versions 2 and 3: metadata and tensors for decoders, in one file.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "weights/gguf_metadata.h"
#include "weights/tensor_table.h"
#include "weights/weight_file.h"
#include "weights/weight_source.h"

namespace gaze {

// A model that was split lies in several: metadata and the first tensors in the first, the others in the rest.
//
// A WeightSource whose tensors keep the file's own names; shapes are outermost first, the reverse of how ggml writes
// them. A quantised tensor reads as F32 through tensor() (a copy at every call) and as it lies in the file through
// blocks(). Immutable, safe to share.
class GgufFile final : public WeightSource {
 public:
  // Errors: bad_weights (another version, counts and lengths that the file cannot hold, dimensions that overflow or
  // that blocks do not divide, types other than F32, F16, BF16, F64, I8 to I64 and BlockType's, tensors that overlap,
  // lie off the alignment or reach beyond the file, an alignment that is no power of two, names that stand twice, parts
  // that do not belong together).
  explicit GgufFile(const WeightFile& file);

  const GgufMetadata& metadata() const { return metadata_; }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  Tensor tensor(std::string_view name) const override;
  std::optional<BlockTensor> blocks(std::string_view name) const override;
  void forget(std::string_view name) const override;

 private:
  struct Place {
    TensorInfo info;
    std::optional<BlockType> block;  // nothing: plain numbers of info.dtype
    std::uint64_t offset = 0;        // in the part of the file that holds the tensors
    std::uint64_t size = 0;
    std::span<const std::byte> bytes;
  };
  static Place read_place(ByteReader& reader, const std::string& origin);
  static void check_places(std::uint64_t data_bytes, std::uint64_t alignment, const std::string& origin,
                           std::vector<Place>& places);
  // The tensors of one file; its metadata are returned.
  static GgufMetadata read_part(const WeightFile& file, std::vector<Place>& all);
  static void check_part(const WeightFile& file, const GgufMetadata& data, std::int64_t number, std::int64_t count);
  const Place& find_place(std::string_view name) const;

  std::string origin_;
  std::shared_ptr<const void> owner_;
  GgufMetadata metadata_;
  std::vector<TensorInfo> infos_;
  std::vector<Place> places_;  // in the order of infos_
  bool mapped_;
};

}  // namespace gaze
