// How dual encoders take many inputs: in groups that keep the activations near the processor.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tensor/tensor.h"
#include "text/tokenizer.h"

namespace gaze {

// pixels: float32 [batch, …]. Calls run(some pictures, pooled, embeds) on groups of them, with room for
// [some, pooled_width] and [some, dimension]. Returns float32 [batch, dimension], each row brought to length 1.
Tensor encode_image_groups(const Tensor& pixels, std::int64_t pooled_width, std::int64_t dimension,
                           const std::function<void(const Tensor& some, Tensor& pooled, Tensor& embeds)>& run);

// The same for texts; those of a group are of similar length, so that little is computed for padding.
using TextGroup = std::span<const std::vector<TokenId>* const>;
Tensor encode_text_groups(std::span<const std::vector<TokenId>> texts, std::int64_t pooled_width,
                          std::int64_t dimension,
                          const std::function<void(TextGroup some, Tensor& pooled, Tensor& embeds)>& run);

}  // namespace gaze
