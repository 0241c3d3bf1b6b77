// Named tensors of a checkpoint, whatever file format they lie in. Nothing above this room knows a format.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/block_tensor.h"
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
  // Quantised tensors in f32, a copy at every call.
  // Errors: bad_weights (no such tensor).
  virtual Tensor tensor(std::string_view name) const = 0;

  // The tensor was read and will not be soon: what it takes of a mapped file leaves memory. No borrowed tensor ends.
  virtual void forget(std::string_view name) const;

  // A matrix in quantised blocks as it lies in the file, for products that read blocks; tensor() gives the same in
  // f32. Nothing for a tensor of plain numbers.
  virtual std::optional<BlockTensor> blocks(std::string_view name) const;
};

// Opens the weights of a checkpoint folder (model.safetensors, model.safetensors.index.json with its shards,
// pytorch_model.bin, pytorch_model.bin.index.json: the first that is there), or one such file, or a .gguf file.
// Errors: not_found, bad_weights (names the file, the place and the fault).
std::shared_ptr<const WeightSource> open_weights(const std::filesystem::path& folder_or_file);

}  // namespace gaze
