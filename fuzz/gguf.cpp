// A GGUF file of any bytes: metadata and tensors that can all be read, or an Error.
#include "weights/gguf.h"

#include "base/error.h"

namespace {

template <class Read>
void attempt(Read read) {
  try {
    read();
  } catch (const gaze::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  attempt([&] {
    const gaze::GgufFile file({std::as_bytes(std::span(data, size)), nullptr, "input"});
    for (const std::string_view key : file.metadata().keys()) {
      attempt([&] { file.metadata().number(key); });
      attempt([&] { file.metadata().boolean(key, false); });
      attempt([&] { file.metadata().text(key); });
      attempt([&] { file.metadata().integers(key); });
      attempt([&] { file.metadata().numbers(key); });
      attempt([&] { file.metadata().texts(key); });
    }
    for (const gaze::TensorInfo& info : file.tensors()) file.tensor(info.name).to_f32();
  });
  return 0;
}
