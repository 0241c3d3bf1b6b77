// A picture in tiles, as Idefics3 looks at it: enlarged to whole tiles, cut, and once more as a whole. Reference:
// transformers' Idefics3ImageProcessor (the PIL-backed one).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "media/image_processor.h"

namespace gaze::idefics3 {

struct Tiles {
  int rows = 0, columns = 0;  // 0: the picture is one tile and not cut
  std::vector<Image> tiles;   // rows × columns of them, row after row, and at the end the picture as a whole
};

// Immutable; thread-safe.
struct TileProcessor {
  int longest_edge = 4 * 364;  // the longer side of the picture before it is brought to whole tiles
  bool do_image_splitting = true;
  int tile_size = 364;
  Resample resample = Resample::lanczos;
  ImageProcessor pixels;  // of a tile: rescaled and normalised, its size left as it is

  Tiles cut(const Image& image) const;
};

// preprocessor_config.json, which must make tiles of `image_size`. Errors: bad_weights, unsupported_model.
TileProcessor parse_tile_processor(const Json& config, const std::string& origin, int image_size);

}  // namespace gaze::idefics3
