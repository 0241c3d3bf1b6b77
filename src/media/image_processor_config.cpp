// preprocessor_config.json: its forms over the years, and what the reference's classes assume where a key is missing.
#include <cmath>
#include <iterator>
#include <string_view>

#include "base/error.h"
#include "base/message.h"
#include "media/image_processor.h"

namespace gaze {
namespace {

constexpr std::array kClipMean{0.48145466, 0.4578275, 0.40821073};
constexpr std::array kClipStd{0.26862954, 0.26130258, 0.27577711};
constexpr std::array kHalf{0.5, 0.5, 0.5};

// Defaults of the reference's classes, by the beginning of their names ("CLIPImageProcessor", "CLIPFeatureExtractor").
struct Defaults {
  std::string_view prefix;
  int size;
  bool shortest_edge;
  bool center_crop;
  Resample resample;
  std::array<double, 3> mean, std;
};
constexpr Defaults kDefaults[] = {
    {"CLIP", 224, true, true, Resample::bicubic, kClipMean, kClipStd},
    {"ChineseCLIP", 224, true, true, Resample::bicubic, kClipMean, kClipStd},
    {"Siglip", 224, false, false, Resample::bicubic, kHalf, kHalf},
    {"Blip", 384, false, false, Resample::bicubic, kClipMean, kClipStd},
    {"ViT", 224, false, false, Resample::bilinear, kHalf, kHalf},
};

constexpr int kLargestSide = 4096;  // no published tower sees more; a larger one would be a typing error or an attack

class Reader {
 public:
  Reader(const Json& config, const std::string& origin) : config_(config), origin_(origin) {}

  [[noreturn]] void senseless(std::string_view key) const {
    throw Error(ErrorCode::bad_weights, message("{}: the value of \"{}\" makes no sense", origin_, key));
  }
  [[noreturn]] void unsupported(std::string_view what) const {
    throw Error(ErrorCode::unsupported_model, message("{}: not supported: {}", origin_, what));
  }

  bool has(const char* key) const { return config_.contains(key) && !config_.at(key).is_null(); }

  bool boolean(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!config_.at(key).is_boolean()) senseless(key);
    return config_.at(key).get<bool>();
  }

  double number(const char* key, double otherwise) const { return has(key) ? finite(config_.at(key), key) : otherwise; }

  // Three numbers, or one for all channels.
  std::array<double, 3> channels(const char* key, const std::array<double, 3>& otherwise) const {
    if (!has(key)) return otherwise;
    const Json& value = config_.at(key);
    if (value.is_number()) return {finite(value, key), finite(value, key), finite(value, key)};
    if (!value.is_array() || value.size() != 3) senseless(key);
    return {finite(value[0], key), finite(value[1], key), finite(value[2], key)};
  }

  int side(const Json& value, const char* key) const {
    if (!value.is_number_integer()) senseless(key);
    const auto number = value.get<std::int64_t>();
    if (number < 1 || number > kLargestSide) senseless(key);
    return static_cast<int>(number);
  }

  // {"height", "width"}, [height, width] or one integer for both.
  void rectangle(const char* key, int& height, int& width) const {
    if (!has(key)) return;
    const Json& value = config_.at(key);
    if (value.is_object() && value.contains("height") && value.contains("width")) {
      height = side(value["height"], key);
      width = side(value["width"], key);
    } else if (value.is_array() && value.size() == 2) {
      height = side(value[0], key);
      width = side(value[1], key);
    } else if (value.is_object()) {
      unsupported(std::string("\"") + key + "\": " + value.dump());
    } else {
      height = width = side(value, key);
    }
  }

 private:
  double finite(const Json& value, const char* key) const {
    if (!value.is_number() || !std::isfinite(value.get<double>())) senseless(key);
    return value.get<double>();
  }

  const Json& config_;
  const std::string& origin_;
};

std::string class_name(const Json& config) {
  for (const char* key : {"image_processor_type", "feature_extractor_type"}) {
    if (config.contains(key) && config[key].is_string()) return config[key].get<std::string>();
  }
  return "CLIPImageProcessor";  // the oldest files, all of CLIP, name none
}

}  // namespace

ImageProcessor parse_image_processor(const Json& config, const std::string& origin) {
  if (!config.is_object()) throw Error(ErrorCode::bad_weights, message("{}: not a JSON object", origin));
  const Reader reader(config, origin);
  const std::string name = class_name(config);
  const auto defaults = std::find_if(std::begin(kDefaults), std::end(kDefaults),
                                     [&](const Defaults& candidate) { return name.starts_with(candidate.prefix); });
  if (defaults == std::end(kDefaults)) reader.unsupported("image processor " + name);

  ImageProcessor out;
  out.do_resize = reader.boolean("do_resize", true);
  if (reader.has("size") && config["size"].is_object() && config["size"].contains("shortest_edge")) {
    if (config["size"].contains("longest_edge")) reader.unsupported("\"longest_edge\"");
    out.shortest_edge = reader.side(config["size"]["shortest_edge"], "size");
  } else if (!reader.has("size") || config["size"].is_number()) {
    const int size = reader.has("size") ? reader.side(config["size"], "size") : defaults->size;
    if (defaults->shortest_edge) {
      out.shortest_edge = size;
    } else {
      out.resize_height = out.resize_width = size;
    }
  } else {
    reader.rectangle("size", out.resize_height, out.resize_width);
  }

  const double resample = reader.number("resample", static_cast<double>(defaults->resample));
  if (resample < 0 || resample > 5 || resample != std::floor(resample)) reader.senseless("resample");
  out.resample = static_cast<Resample>(static_cast<int>(resample));

  out.do_center_crop = reader.boolean("do_center_crop", defaults->center_crop);
  if (out.do_center_crop) {
    out.crop_height = out.crop_width = defaults->size;
    reader.rectangle("crop_size", out.crop_height, out.crop_width);
  }
  if (reader.boolean("do_pad", false)) reader.unsupported("\"do_pad\"");

  out.rescale_factor = reader.boolean("do_rescale", true) ? reader.number("rescale_factor", 1.0 / 255.0) : 1.0;
  out.do_normalize = reader.boolean("do_normalize", true);
  out.mean = reader.channels("image_mean", defaults->mean);
  out.std = reader.channels("image_std", defaults->std);
  for (const double value : out.std) {
    if (static_cast<float>(value) == 0.0f) reader.senseless("image_std");
  }

  if (!out.do_center_crop && (!out.do_resize || out.shortest_edge > 0)) {
    reader.unsupported("a picture size that differs from picture to picture");
  }
  return out;
}

}  // namespace gaze
