// A sheet of paper to put pictures and text on (Cairo, Pango): what contact sheets and captioned pictures share.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "media/image.h"

namespace gaze {

struct Colour {
  double red = 0, green = 0, blue = 0;
};

struct TextStyle {
  double size = 14;  // pixels
  bool bold = false;
  Colour colour{0.13, 0.13, 0.13};
  int lines = 1;         // what does not fit is cut with an ellipsis
  bool middle = false;   // cut in the middle, as for file names, else at the end
  bool centred = false;  // within the width
};

// White at first. One thread at a time; different canvases may be used at once. Errors: out_of_memory.
class Canvas {
 public:
  static constexpr int kLargestSide = 32'000;  // Cairo's own limit is 32,767

  Canvas(int width, int height);  // each in [1, kLargestSide]
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  void rectangle(int x, int y, int width, int height, const Colour& colour);
  void picture(const Image& image, int x, int y);
  // Chinese, and whatever else the fonts have, in one line or wrapped; line breaks in `text` count as spaces.
  void text(const std::string& text, int x, int y, int width, const TextStyle& style);
  // How high that text would be.
  int text_height(const std::string& text, int width, const TextStyle& style);

  Bytes png() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// `image` made to fit into a box, larger or smaller, its sides in proportion; the sides of the result are at least 1.
Image fitted(const Image& image, int width, int height);

}  // namespace gaze
