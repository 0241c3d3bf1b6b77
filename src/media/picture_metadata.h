// What a camera wrote into a picture file: when, where, with what.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace gaze {

struct Place {
  double latitude = 0, longitude = 0;  // degrees, north and east positive
};

struct PictureMetadata {
  std::string taken;   // ISO 8601, "2024-05-01T18:30:00", with "+02:00" where the camera says so; empty: unknown
  std::string camera;  // maker and model, valid UTF-8; empty: unknown
  std::optional<Place> place;
};

// From the EXIF block of a JPEG, PNG, WebP, TIFF, HEIC or AVIF file. Never throws and trusts nothing: what makes no
// sense is left out.
PictureMetadata read_picture_metadata(std::span<const std::byte> file);

}  // namespace gaze
