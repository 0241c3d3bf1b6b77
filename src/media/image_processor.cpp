#include "media/image_processor.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace gaze {
namespace {

// How one side of the resized picture lies in the crop, as the reference's center_crop has it: what does not fit is
// cut evenly, what is missing is padded with one more zero before than after.
struct Placement {
  int from = 0;   // first pixel taken
  int at = 0;     // where it goes
  int count = 0;  // how many
};

Placement place(int side, int crop) {
  if (side >= crop) return {(side - crop) / 2, 0, crop};
  return {0, (crop - side + 1) / 2, side};
}

// What each of the 256 pixel values becomes, in the reference's precisions: rescaled in double, rounded to float, then
// normalised in float.
std::array<float, 256> value_table(const ImageProcessor& processor, int channel) {
  std::array<float, 256> table;
  const auto mean = static_cast<float>(processor.mean[channel]);
  const auto std = static_cast<float>(processor.std[channel]);
  for (int i = 0; i < 256; ++i) {
    const auto value = static_cast<float>(i * processor.rescale_factor);
    table[i] = processor.do_normalize ? (value - mean) / std : value;
  }
  return table;
}

}  // namespace

void ImageProcessor::process(const Image& image, float* pixels) const {
  ResizePlan plan{.width = image.width, .height = image.height, .resample = resample};
  if (do_resize && shortest_edge > 0) {
    const int shorter = std::min(image.width, image.height), longer = std::max(image.width, image.height);
    const auto scaled = static_cast<int>(static_cast<double>(std::int64_t{shortest_edge} * longer) / shorter);
    plan.width = image.width <= image.height ? shortest_edge : scaled;
    plan.height = image.width <= image.height ? scaled : shortest_edge;
  } else if (do_resize) {
    plan.width = resize_width;
    plan.height = resize_height;
  }
  const Placement x = place(plan.width, output_width()), y = place(plan.height, output_height());
  plan.left = x.from;
  plan.top = y.from;
  plan.part_width = x.count;
  plan.part_height = y.count;
  const Image part = resize(image, plan);

  const std::size_t stride = static_cast<std::size_t>(output_width());
  const std::size_t area = stride * output_height();
  for (int c = 0; c < 3; ++c) {
    const auto table = value_table(*this, c);
    float* const plane = pixels + area * c;
    if (part.width < output_width() || part.height < output_height()) std::fill_n(plane, area, table[0]);
    for (int row = 0; row < part.height; ++row) {
      const std::uint8_t* const in = part.row(row) + c;
      float* const out = plane + stride * (y.at + row) + x.at;
      for (int column = 0; column < part.width; ++column) out[column] = table[in[3 * column]];
    }
  }
}

void ImageProcessor::process(std::span<const std::byte> file, const std::string& name, const DecodeOptions& options,
                             float* pixels) const {
  process(decode_image(file, name, options), pixels);
}

}  // namespace gaze
