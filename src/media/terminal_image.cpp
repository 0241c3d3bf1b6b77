#include "media/terminal_image.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>

#include <fmt/format.h>
#include <sixel.h>

namespace gaze {
namespace {

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string base64(const std::vector<std::uint8_t>& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (i + k < bytes.size() ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
  }
  return text;
}

// Kitty's graphics protocol: 24-bit RGB in base64, in pieces of at most 4,096 bytes.
std::string kitty(const Image& image) {
  constexpr std::size_t kPiece = 4096;
  const std::string data = base64(image.rgb);
  std::string out;
  for (std::size_t at = 0; at < data.size(); at += kPiece) {
    const int more = at + kPiece < data.size();
    out += at == 0 ? fmt::format("\x1b_Ga=T,f=24,q=2,s={},v={},m={};", image.width, image.height, more)
                   : fmt::format("\x1b_Gm={};", more);
    out.append(data, at, kPiece);
    out += "\x1b\\";
  }
  return out;
}

struct Unref {
  void operator()(sixel_output_t* output) const { sixel_output_unref(output); }
  void operator()(sixel_dither_t* dither) const { sixel_dither_unref(dither); }
};

void check(SIXELSTATUS status) {
  if (SIXEL_FAILED(status)) throw std::bad_alloc();  // nothing else can fail on valid pixels
}

std::string sixel(const Image& image) {
  std::string out;
  const auto append = [](char* data, int size, void* closure) {
    static_cast<std::string*>(closure)->append(data, static_cast<std::size_t>(size));
    return size;
  };
  sixel_output_t* output = nullptr;
  check(sixel_output_new(&output, append, &out, nullptr));
  const std::unique_ptr<sixel_output_t, Unref> output_owner(output);
  sixel_dither_t* dither = nullptr;
  check(sixel_dither_new(&dither, SIXEL_PALETTE_MAX, nullptr));
  const std::unique_ptr<sixel_dither_t, Unref> dither_owner(dither);
  std::vector<std::uint8_t> pixels = image.rgb;  // libsixel dithers in place
  check(sixel_dither_initialize(dither, pixels.data(), image.width, image.height, SIXEL_PIXELFORMAT_RGB888,
                                SIXEL_LARGE_AUTO, SIXEL_REP_AUTO, SIXEL_QUALITY_AUTO));
  check(sixel_encode(pixels.data(), image.width, image.height, 3, dither, output));
  return out;
}

}  // namespace

TerminalGraphics terminal_graphics() {
  const std::string_view term = environment("TERM"), program = environment("TERM_PROGRAM");
  if (!environment("TMUX").empty() || !environment("STY").empty()) return TerminalGraphics::none;
  if (!environment("KITTY_WINDOW_ID").empty() || term == "xterm-kitty" || term == "xterm-ghostty" ||
      program == "ghostty" || program == "WezTerm") {
    return TerminalGraphics::kitty;
  }
  for (const std::string_view known : {"foot", "foot-extra", "mlterm", "yaft-256color", "contour"}) {
    if (term == known) return TerminalGraphics::sixel;
  }
  return term.find("sixel") != std::string_view::npos ? TerminalGraphics::sixel : TerminalGraphics::none;
}

std::string terminal_image(const Image& image, TerminalGraphics graphics) {
  switch (graphics) {
    case TerminalGraphics::kitty:
      return kitty(image);
    case TerminalGraphics::sixel:
      return sixel(image);
    case TerminalGraphics::none:
      break;
  }
  return {};
}

}  // namespace gaze
