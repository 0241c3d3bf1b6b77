// The safetensors format (github.com/huggingface/safetensors): 8 bytes of header length, a JSON header, raw tensors.
#pragma once

#include <memory>

#include "weights/weight_file.h"
#include "weights/weight_source.h"

namespace gaze {

// Reads only the header: thousands of tensors open in milliseconds, and no tensor's bytes are touched.
// Errors: bad_weights, naming the tensor and the fault. Refused: a header over limits().safetensors_header_bytes or
// deeper than limits().json_depth, keys that stand twice, number types that no Tensor holds (F8_E4M3, U32 …),
// a length that is not shape × type, tensors that do not fill the rest of the file without hole or overlap.
std::shared_ptr<const WeightSource> read_safetensors(const WeightFile& file);

}  // namespace gaze
