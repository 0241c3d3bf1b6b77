// The functions between two linear layers.
#pragma once

#include <optional>
#include <string_view>

#include "tensor/tensor.h"

namespace gaze {

enum class Activation {
  none,
  gelu,        // x · Φ(x), exact (erf)
  gelu_tanh,   // its tanh approximation: "gelu_new", "gelu_pytorch_tanh"
  quick_gelu,  // x · σ(1.702 x)
  silu,        // x · σ(x)
  relu,
  relu6,  // min(max(x, 0), 6)
  tanh,
};

// By the name that `hidden_act` of a config.json uses; nullopt for one we do not know.
std::optional<Activation> activation_named(std::string_view hidden_act);

// x ← activation(x), in place; float32 or bf16.
void apply(Activation activation, Tensor& x);

}  // namespace gaze
