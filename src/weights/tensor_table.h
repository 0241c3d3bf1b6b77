// A WeightSource over tensors whose bytes are all at hand: what the readers of single files make.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weights/weight_file.h"
#include "weights/weight_source.h"

namespace gaze {

// A tensor in a file: all checks against the file are done before one of these is made.
struct StoredTensor {
  TensorInfo info;
  // Dense: exactly the tensor. Strided: from its first element to the end of its last.
  std::span<const std::byte> bytes;
  std::vector<std::int64_t> strides;  // in elements, none negative; empty where dense
};

// What a dense tensor takes. Errors: bad_weights (a shape whose size overflows).
std::uint64_t byte_size(const TensorInfo& info, const std::string& origin);

class TensorTable final : public WeightSource {
 public:
  // `file`: whose bytes they are. Errors: bad_weights (two tensors of one name).
  TensorTable(std::vector<StoredTensor> tensors, const WeightFile& file);

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  // Strided tensors are copied into dense memory at every call, all others are borrowed.
  // Errors beyond the contract: bad_weights (a boolean that is neither 0 nor 1), out_of_memory.
  Tensor tensor(std::string_view name) const override;
  void forget(std::string_view name) const override;

 private:
  struct Place {
    std::span<const std::byte> bytes;
    std::vector<std::int64_t> strides;
  };
  std::vector<TensorInfo> infos_;
  std::vector<Place> places_;  // in the order of infos_
  std::shared_ptr<const void> owner_;
  std::string origin_;
  bool mapped_;
};

}  // namespace gaze
