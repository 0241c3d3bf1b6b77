#include "media/image_processor.h"

#include <algorithm>
#include <vector>

#include "media/exif_block.h"
#include "media/format.h"
#include "media/jpeg.h"

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

ResizePlan plan_for(const ImageProcessor& processor, int width, int height) {
  ResizePlan plan{.width = width, .height = height, .resample = processor.resample};
  if (processor.do_resize && processor.shortest_edge > 0) {
    const int edge = processor.shortest_edge;
    const int shorter = std::min(width, height), longer = std::max(width, height);
    const auto scaled = static_cast<int>(static_cast<double>(std::int64_t{edge} * longer) / shorter);
    plan.width = width <= height ? edge : scaled;
    plan.height = width <= height ? scaled : edge;
  } else if (processor.do_resize) {
    plan.width = processor.resize_width;
    plan.height = processor.resize_height;
  }
  const Placement x = place(plan.width, processor.output_width()), y = place(plan.height, processor.output_height());
  plan.left = x.from;
  plan.top = y.from;
  plan.part_width = x.count;
  plan.part_height = y.count;
  return plan;
}

// Rescales and normalises what is left of the picture, padded where it is smaller than the output.
void write_pixels(const ImageProcessor& processor, const Image& part, float* pixels) {
  const int width = processor.output_width(), height = processor.output_height();
  const int left = place(part.width, width).at, top = place(part.height, height).at;
  const std::size_t area = static_cast<std::size_t>(width) * height;
  for (int c = 0; c < 3; ++c) {
    const auto table = value_table(processor, c);
    float* const plane = pixels + area * c;
    if (part.width < width || part.height < height) std::fill_n(plane, area, table[0]);
    for (int y = 0; y < part.height; ++y) {
      const std::uint8_t* const in = part.row(y) + c;
      float* const out = plane + static_cast<std::size_t>(width) * (top + y) + left;
      for (int x = 0; x < part.width; ++x) out[x] = table[in[3 * x]];
    }
  }
}

}  // namespace

Region ImageProcessor::region(int width, int height) const {
  const ResizePlan plan = plan_for(*this, width, height);
  const Placement x = place(plan.width, output_width()), y = place(plan.height, output_height());
  const double left = x.from - x.at, top = y.from - y.at;
  return {left / plan.width, top / plan.height, (left + output_width()) / plan.width,
          (top + output_height()) / plan.height};
}

void ImageProcessor::process(const Image& image, float* pixels) const {
  write_pixels(*this, resize(image, plan_for(*this, image.width, image.height)), pixels);
}

void ImageProcessor::process(std::span<const std::byte> file, const std::string& name, const DecodeOptions& options,
                             float* pixels) const {
  const ImageFormat format = image_format(file);
  if (format != ImageFormat::jpeg) {
    process(decode_image(file, name, options), pixels);
    return;
  }
  const int orientation = options.exif_rotation ? exif_orientation(find_exif(file, format)) : 1;
  if (orientation != 1) {
    const Image stored = decode_image(file, name, {.exif_rotation = false, .at_least = options.at_least});
    const bool turned = orientation >= 5;
    const ResizePlan plan =
        turned ? plan_for(*this, stored.height, stored.width) : plan_for(*this, stored.width, stored.height);
    write_pixels(*this, resize_turned(stored, orientation, plan), pixels);
    return;
  }
  JpegReader reader(file, name, options.at_least);
  RowResizer resizer(reader.width(), reader.height(), plan_for(*this, reader.width(), reader.height()));
  for (int y = 0; y < reader.height(); ++y) {
    reader.read_row(resizer.row());
    resizer.take_row();
  }
  write_pixels(*this, resizer.finish(), pixels);
}

}  // namespace gaze
