#include "tasks/preprocess.h"

#include "tensor/npy.h"

namespace gaze {

Shape preprocess(const DualEncoder& encoder, const std::filesystem::path& image, const PictureOptions& options,
                 const std::filesystem::path& output, const CancelToken& cancel) {
  const ImageProcessor& processor = encoder.image_processor();
  Tensor pixels = Tensor::empty({1, 3, processor.output_height(), processor.output_width()}, DType::f32);
  const Bytes bytes = read_picture(image, cancel);
  processor.process(bytes, display(image), decode_options(processor, options), pixels.data<float>());
  cancel.check();
  write_npy(output, pixels);
  return pixels.shape();
}

}  // namespace gaze
