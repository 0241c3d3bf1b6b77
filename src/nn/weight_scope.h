// Where a module finds its weights: a name's beginning within a checkpoint, and the precision to run in.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ops/precision.h"
#include "weights/weight_source.h"

namespace gaze {

// Cheap to copy. The weights were checked against a WeightTable before: a missing tensor here is a bug.
class WeightScope {
 public:
  WeightScope(std::shared_ptr<const WeightSource> source, Precision precision)
      : source_(std::move(source)), precision_(resolve(precision)) {}

  // The scope within this one: scope / "encoder" / "layers" / 3.
  WeightScope operator/(std::string_view name) const;
  WeightScope operator/(int index) const { return *this / std::to_string(index); }

  bool has(std::string_view name) const;
  Tensor tensor(std::string_view name) const;  // as stored, borrowing the file
  Tensor f32(std::string_view name) const;     // an own copy as float32
  void forget(std::string_view name) const;    // packed or copied: its place in the file may leave memory
  std::optional<BlockTensor> blocks(std::string_view name) const;  // where the tensor is quantised

  Precision precision() const { return precision_; }  // in force
  // Of activations between the matrix products. Sums along the residual stay float32 in every precision.
  DType activation_dtype() const;

 private:
  std::string full(std::string_view name) const;

  std::shared_ptr<const WeightSource> source_;
  std::string prefix_;  // "" or "a.b."
  Precision precision_;
};

}  // namespace gaze
