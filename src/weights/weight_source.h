// Named tensors of a checkpoint, whatever file format they lie in. Nothing above this room knows a format.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace gaze {

struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
};

// Immutable after opening; safe to share between threads.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // Every tensor, sorted by name.
  virtual const std::vector<TensorInfo>& tensors() const = 0;
  // nullptr where there is none of that name.
  const TensorInfo* find(std::string_view name) const;

  // The tensor in the file's dtype, borrowing the mapped file (kept alive by the tensor); unaligned as the file may be.
  // Errors: bad_weights (no such tensor).
  virtual Tensor tensor(std::string_view name) const = 0;
};

// Opens the weights of a checkpoint folder (model.safetensors, model.safetensors.index.json with its shards,
// pytorch_model.bin, pytorch_model.bin.index.json: the first that is there), or one such file.
// Errors: not_found, bad_weights (names the file, the place and the fault).
std::shared_ptr<const WeightSource> open_weights(const std::filesystem::path& folder_or_file);

}  // namespace gaze
