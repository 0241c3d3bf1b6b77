#include "models/idefics3/tiles.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/message.h"
#include "media/crop.h"
#include "models/config_reader.h"

namespace gaze::idefics3 {
namespace {

constexpr int kLongestSide = 4096;  // the reference's MAX_IMAGE_SIZE
constexpr int kMostTiles = 16;      // along a side; far above any published one

struct Size {
  int width, height;
};

// The longer side becomes `longest`, the other one even; at least a pixel. In the reference's order of operations.
Size longest_side(Size size, int longest) {
  const double aspect = static_cast<double>(size.width) / size.height;
  const auto even = [](double side) {
    const int whole = static_cast<int>(side);
    return std::max(whole + whole % 2, 1);
  };
  if (size.width >= size.height) return {longest, even(longest / aspect)};
  return {even(longest * aspect), longest};
}

int in_tiles(int side, int tile) {
  return (side + tile - 1) / tile * tile;
}

// Both sides whole tiles.
Size whole_tiles(Size size, int tile) {
  const double aspect = static_cast<double>(size.width) / size.height;
  if (size.width >= size.height) {
    const int width = in_tiles(size.width, tile);
    return {width, in_tiles(static_cast<int>(width / aspect), tile)};
  }
  const int height = in_tiles(size.height, tile);
  return {in_tiles(static_cast<int>(height * aspect), tile), height};
}

int edge(const ConfigReader& reader, const char* key, int absent) {
  return reader.child(key).integer("longest_edge", absent, kLongestSide);
}

}  // namespace

Tiles TileProcessor::cut(const Image& image) const {
  const Size longest = longest_side({image.width, image.height}, longest_edge);
  Image large = resize(image, longest.width, longest.height, resample);
  Tiles out;
  if (do_image_splitting) {
    const Size size = whole_tiles({large.width, large.height}, tile_size);
    large = resize(large, size.width, size.height, resample);
    if (large.width > tile_size || large.height > tile_size) {
      out.rows = large.height / tile_size;
      out.columns = large.width / tile_size;
    }
    for (int row = 0; row < out.rows; ++row) {
      for (int column = 0; column < out.columns; ++column) {
        out.tiles.push_back(crop(large, column * tile_size, row * tile_size, tile_size, tile_size));
      }
    }
  }
  out.tiles.push_back(resize(large, tile_size, tile_size, resample));
  return out;
}

TileProcessor parse_tile_processor(const Json& config, const std::string& origin, int image_size) {
  const ConfigReader reader(config, origin);
  TileProcessor out;
  out.longest_edge = edge(reader, "size", 4 * 364);
  out.do_image_splitting = reader.boolean("do_image_splitting", true);
  out.tile_size = edge(reader, "max_image_size", 364);
  if (out.tile_size != image_size) {
    throw Error(ErrorCode::bad_weights,
                message("{}: makes pictures of {}×{}, but config.json says that the model takes {}×{}", origin,
                        out.tile_size, out.tile_size, image_size, image_size));
  }
  if (out.longest_edge > kMostTiles * out.tile_size) reader.refuse("size");
  if (!reader.boolean("do_resize", true)) reader.refuse("do_resize");

  // What is left to do for a tile is what other processors do too.
  Json rest{{"image_processor_type", "SiglipImageProcessor"},
            {"do_resize", false},
            {"do_center_crop", true},
            {"crop_size", out.tile_size}};
  for (const char* key : {"resample", "do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std"}) {
    if (reader.has(key)) rest[key] = config[key];
  }
  if (!rest.contains("resample")) rest["resample"] = static_cast<int>(Resample::lanczos);
  out.pixels = parse_image_processor(rest, origin);
  out.resample = out.pixels.resample;
  return out;
}

}  // namespace gaze::idefics3
