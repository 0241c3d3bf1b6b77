// Checkpoints of torch.save: a zip archive of a pickle and raw storages (torch 1.6 and later), or the older file of
// several pickles followed by the storages. The layout is torch/serialization.py's; nothing in the file is executed.
#pragma once

#include <memory>

#include "weights/weight_file.h"
#include "weights/weight_source.h"

namespace gaze {

// The tensors of the saved dictionary; of one that holds none itself, those of its "state_dict", "model" or "module",
// as training programs save them. Everything that is not a tensor is passed over. Tensors may share storages and may
// be strided (then WeightSource::tensor copies).
// Errors: bad_weights, with the pickle's byte or the tensor. Refused: opcodes and globals that tensors do not need,
// compressed entries, storages whose size is not the archive's, tensors that reach beyond their storage, strided
// tensors larger than the file, TorchScript archives, big-endian files.
std::shared_ptr<const WeightSource> read_pytorch(const WeightFile& file);

}  // namespace gaze
