// The slow twins: each op written as its formula, one number at a time in double. Only tests use them.
#pragma once

#include <cstdint>
#include <span>

#include "ops/activation.h"
#include "ops/attention.h"
#include "ops/cached_attention.h"
#include "tensor/tensor.h"

namespace gaze::reference {

double activate(Activation activation, double x);

// All return float32.
Tensor matmul(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation);
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon);
Tensor rms_norm(const Tensor& x, const Tensor& weight, double epsilon);
Tensor l2_normalize(const Tensor& x);
Tensor softmax(const Tensor& x);
Tensor attention(const AttentionShape& shape, const HeadColumns& query, const HeadColumns& key,
                 const HeadColumns& value, std::int64_t keys, std::span<const std::int32_t> key_lengths);
// cached: […, heads · cached_size(…, head_size)]; the result [rows, heads · head_size].
Tensor from_cache(const Tensor& cached, std::int64_t head_size);
Tensor cached_attention(const CachedAttention& shape, const Tensor& query, const Tensor& keys, const Tensor& values);

}  // namespace gaze::reference
