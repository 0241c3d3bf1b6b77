// Normalisation of rows (the innermost extent). Input and output are float32 or bf16, arithmetic is float32.
#pragma once

#include "tensor/tensor.h"

namespace gaze {

// y = (x − mean) / √(variance + epsilon) · weight + bias; weight, bias: float32 [width]. y may be x.
void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon, Tensor& y);

// y = x / √(mean(x²) + epsilon) · weight (RMSNorm). y may be x.
void rms_norm(const Tensor& x, const Tensor& weight, float epsilon, Tensor& y);

// Each row to length 1; a row of zeros stays.
void l2_normalize(Tensor& x);

// Each row to e^x / Σ e^x.
void softmax(Tensor& x);

}  // namespace gaze
