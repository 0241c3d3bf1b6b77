// The gate of LLaMA's MLP (Shazeer 2020, https://arxiv.org/abs/2002.05202).
#pragma once

#include "tensor/tensor.h"

namespace gaze {

// y = silu(gate) · up. gate_up: float32 [rows, 2 · width], the gate in the first columns; y: float32 or bf16
// [rows, width].
void swiglu(const Tensor& gate_up, Tensor& y);

}  // namespace gaze
