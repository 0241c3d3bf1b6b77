// Other ways to see sources of weights: under other names, two as one, without blocks, or in blocks that are not there.
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

// The tensors of both. Errors: bad_weights (two tensors of one name; `origin` names the checkpoint).
std::shared_ptr<const WeightSource> joined(std::shared_ptr<const WeightSource> first,
                                           std::shared_ptr<const WeightSource> second, const std::string& origin);

// Quantised tensors as the float32 numbers that they stand for.
std::shared_ptr<const WeightSource> without_blocks(std::shared_ptr<const WeightSource> source);

// Matrices of numbers also in Q8_0 blocks, made anew at every call of blocks(), where their rows divide into blocks;
// what is quantised already stays as it is.
std::shared_ptr<const WeightSource> with_q8_blocks(std::shared_ptr<const WeightSource> source);

}  // namespace gaze
