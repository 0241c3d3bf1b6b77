// Small steps between the large ones: sums, gathering rows, changes of number type.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace gaze {

// to ← from; float32 or bf16 each, as many elements.
void convert(const Tensor& from, Tensor& to);

// to[r, :] ← table[ids[r], :]; table of any float type, to: float32 or bf16. ids lie within the table's rows.
void gather_rows(const Tensor& table, std::span<const std::int32_t> ids, Tensor& to);

// x ← x + y, where y repeats over the leading extents of x (positions over a batch); float32.
void add_broadcast(Tensor& x, const Tensor& y);

}  // namespace gaze
