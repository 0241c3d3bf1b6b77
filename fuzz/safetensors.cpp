// A safetensors file of any bytes: tensors that can all be read, or an Error.
#include "weights/safetensors.h"

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto source = gaze::read_safetensors({std::as_bytes(std::span(data, size)), nullptr, "input"});
    for (const gaze::TensorInfo& info : source->tensors()) source->tensor(info.name).to_f32();
  } catch (const gaze::Error&) {
  }
  return 0;
}
