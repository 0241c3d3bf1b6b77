// A picture in tiles, as LLaVA-NeXT looks at it ("anyres"): fitted into the best of some grids of tiles and padded with
// black, cut, and once more as a whole. Reference: transformers' LlavaNextImageProcessor (the PIL-backed one).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "media/image_processor.h"
#include "models/config_reader.h"

namespace gaze::llava_next {

struct Size {
  int width, height;
  bool operator==(const Size&) const = default;
};

// How a picture lies in its grid, in pixels of the grid.
struct Layout {
  Size grid, picture;
  int left, top;  // of the picture within the grid
};

// Immutable; thread-safe.
struct TileProcessor {
  int tile_size = 336;
  std::vector<Size> grids;  // in pixels, whole tiles each
  ImageProcessor pixels;    // of a tile: rescaled and normalised, its size left as it is

  // Of a picture of this size: the grid in which most of it is left, and of several the smallest.
  Layout layout(int width, int height) const;
  // The picture as a whole, squeezed into one tile, then its tiles, row after row.
  std::vector<Image> cut(const Image& image) const;
};

// Patches of a grid that are kept; the others hold padding alone.
struct Kept {
  int left, top, right, bottom;

  int columns() const { return right - left; }
  int rows() const { return bottom - top; }
};

// Of a grid of columns × rows patches that shows a picture of this size (unpad_image of the reference).
Kept unpadded(int width, int height, int columns, int rows);

// image_grid_pinpoints of config.json, in pairs of height and width, or the other way round as LLaVA's authors write
// them; the published ones where there are none. Errors: bad_weights (grids that are not whole tiles, or too many).
std::vector<Size> parse_grids(const ConfigReader& reader, const Json& config, int tile_size, bool width_first = false);

// preprocessor_config.json, whose grids must be the model's. Errors: bad_weights, unsupported_model.
TileProcessor parse_tile_processor(const Json& config, const std::string& origin, int tile_size,
                                   const std::vector<Size>& grids);

}  // namespace gaze::llava_next
