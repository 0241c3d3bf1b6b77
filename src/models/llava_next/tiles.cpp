#include "models/llava_next/tiles.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/error.h"
#include "base/message.h"
#include "media/crop.h"

namespace gaze::llava_next {
namespace {

constexpr int kMostTiles = 16;  // along a side; far above any published one
constexpr std::size_t kMostGrids = 256;
constexpr const char* kKey = "image_grid_pinpoints";

Size grid_of(const Json& pair, const ConfigReader& reader, int tile_size, bool width_first) {
  if (!pair.is_array() || pair.size() != 2) reader.refuse(kKey);
  const auto side = [&](const Json& value) {
    if (!value.is_number_integer()) reader.refuse(kKey);
    const auto number = value.get<std::int64_t>();
    if (number < 1 || number > std::int64_t{kMostTiles} * tile_size || number % tile_size != 0) reader.refuse(kKey);
    return static_cast<int>(number);
  };
  const int first = side(pair[0]), second = side(pair[1]);
  return width_first ? Size{first, second} : Size{second, first};
}

// select_best_resolution.
Size best_grid(const std::vector<Size>& grids, double width, double height) {
  Size best = grids.front();
  double most = 0, least_wasted = std::numeric_limits<double>::infinity();
  for (const Size& grid : grids) {
    const double scale = std::min(grid.width / width, grid.height / height);
    const double shown = std::min(std::trunc(width * scale) * std::trunc(height * scale), width * height);
    const double wasted = static_cast<double>(grid.width) * grid.height - shown;
    if (shown > most || (shown == most && wasted < least_wasted)) {
      most = shown;
      least_wasted = wasted;
      best = grid;
    }
  }
  return best;
}

// int(round(x, 7)) of the reference's language.
int whole(double x) {
  return static_cast<int>(x + 5e-8);
}

}  // namespace

Layout TileProcessor::layout(int width, int height) const {
  Layout out{best_grid(grids, width, height), {}, 0, 0};
  const double across = static_cast<double>(out.grid.width) / width,
               down = static_cast<double>(out.grid.height) / height;
  if (across < down) {
    out.picture = {out.grid.width, std::min(static_cast<int>(std::ceil(height * across)), out.grid.height)};
  } else {
    out.picture = {std::min(static_cast<int>(std::ceil(width * down)), out.grid.width), out.grid.height};
  }
  out.left = (out.grid.width - out.picture.width) / 2;
  out.top = (out.grid.height - out.picture.height) / 2;
  return out;
}

std::vector<Image> TileProcessor::cut(const Image& image) const {
  const Layout placed = layout(image.width, image.height);
  const Image fitted = resize(image, placed.picture.width, placed.picture.height, pixels.resample);
  const Image padded = pad(fitted, placed.grid.width, placed.grid.height, placed.left, placed.top, {0, 0, 0});
  std::vector<Image> tiles{resize(image, tile_size, tile_size, pixels.resample)};
  for (int y = 0; y < placed.grid.height; y += tile_size) {
    for (int x = 0; x < placed.grid.width; x += tile_size) tiles.push_back(crop(padded, x, y, tile_size, tile_size));
  }
  return tiles;
}

Kept unpadded(int width, int height, int columns, int rows) {
  Kept kept{0, 0, columns, rows};
  if (static_cast<double>(width) / height > static_cast<double>(columns) / rows) {
    kept.top = (rows - whole(height * (static_cast<double>(columns) / width))) / 2;
    kept.bottom -= kept.top;
  } else {
    kept.left = (columns - whole(width * (static_cast<double>(rows) / height))) / 2;
    kept.right -= kept.left;
  }
  return kept;
}

std::vector<Size> parse_grids(const ConfigReader& reader, const Json& config, int tile_size, bool width_first) {
  static const Json published = {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};
  const Json& list = reader.has(kKey) ? config.at(kKey) : published;
  if (!list.is_array() || list.empty() || list.size() > kMostGrids) reader.refuse(kKey);
  std::vector<Size> grids;
  for (const Json& pair : list) grids.push_back(grid_of(pair, reader, tile_size, width_first));
  return grids;
}

TileProcessor parse_tile_processor(const Json& config, const std::string& origin, int tile_size,
                                   const std::vector<Size>& grids) {
  const ConfigReader reader(config, origin);
  if (reader.has(kKey) && parse_grids(reader, config, tile_size) != grids) reader.refuse(kKey);
  Json rest = config;
  rest["image_processor_type"] = "CLIPImageProcessor";  // for the tiles, that it is
  rest.erase("do_pad");                                 // of a batch: not of a picture
  TileProcessor out{.tile_size = tile_size, .grids = grids, .pixels = parse_image_processor(rest, origin)};
  const int size = out.pixels.shortest_edge > 0 ? out.pixels.shortest_edge
                                                : std::min(out.pixels.resize_height, out.pixels.resize_width);
  if (size != tile_size || out.pixels.output_width() != tile_size || out.pixels.output_height() != tile_size) {
    throw Error(ErrorCode::bad_weights,
                message("{}: makes pictures of {}×{}, but config.json says that the model takes {}×{}", origin,
                        out.pixels.output_width(), out.pixels.output_height(), tile_size, tile_size));
  }
  out.pixels.do_resize = false;
  return out;
}

}  // namespace gaze::llava_next
