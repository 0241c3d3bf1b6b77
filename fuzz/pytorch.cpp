// A checkpoint of torch.save of any bytes, and the bytes as its pickle alone: tensors that can be read, or an Error.
#include "weights/pytorch.h"

#include "base/error.h"
#include "weights/torch_host.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto source = gaze::read_pytorch({bytes, nullptr, "input"});
    for (const gaze::TensorInfo& info : source->tensors()) source->tensor(info.name).to_f32();
  } catch (const gaze::Error&) {
  }
  try {  // the archive's checksum keeps most changes of the pickle away from the interpreter
    const std::string origin = "input";
    gaze::TorchHost host;
    const gaze::Pickle pickle(bytes, 0, origin, host);
    for (const gaze::Pickle::Ref ref : pickle[pickle.root()].items) {
      if (const auto* tensor = host.tensor(pickle, ref)) gaze::place_tensor("t", *tensor, bytes, size, origin);
    }
  } catch (const gaze::Error&) {
  }
  return 0;
}
