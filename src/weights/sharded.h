// A checkpoint in several files and an index that says which tensor lies where (*.index.json).
#pragma once

#include <filesystem>
#include <memory>

#include "weights/weight_source.h"

namespace gaze {

// Opens every shard the index names; a shard's name is a plain file name beside the index. Tensors of a shard that
// the index does not name are not part of the checkpoint, as in the reference.
// Errors: not_found (a shard is missing), invalid_json, bad_weights.
std::shared_ptr<const WeightSource> open_sharded(const std::filesystem::path& index);

}  // namespace gaze
