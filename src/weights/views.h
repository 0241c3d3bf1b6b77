// Other ways to see a source of weights: under other names, without its blocks, or in blocks that it does not have.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "weights/weight_source.h"

namespace gaze {

// `rename` gives the name of a tensor, or nothing to hide it. Errors: bad_weights (two tensors of one name; `origin`
// names the file).
std::shared_ptr<const WeightSource> renamed(std::shared_ptr<const WeightSource> source, const std::string& origin,
                                            const std::function<std::optional<std::string>(std::string_view)>& rename);

// Quantised tensors as the float32 numbers that they stand for.
std::shared_ptr<const WeightSource> without_blocks(std::shared_ptr<const WeightSource> source);

// Matrices of numbers also in Q8_0 blocks, made anew at every call of blocks(), where their rows divide into blocks;
// what is quantised already stays as it is.
std::shared_ptr<const WeightSource> with_q8_blocks(std::shared_ptr<const WeightSource> source);

}  // namespace gaze
