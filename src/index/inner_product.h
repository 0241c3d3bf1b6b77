// The score of two vectors: one definition for every search, so that all of them rank alike.
#pragma once

#include <span>

namespace gaze {

// Σ a·b in eight double lanes of a fixed order, rounded to float once: the same bits on every machine.
// Both spans are equally long.
float inner_product(std::span<const float> a, std::span<const float> b);

}  // namespace gaze
