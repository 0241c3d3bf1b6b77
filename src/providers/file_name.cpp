#include "providers/file_name.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::size_t kMostBytes = 1024, kMostComponentBytes = 255;
constexpr int kMostComponents = 16;

// Windows opens these as devices whatever the extension; a folder of models may lie on a disk it shares.
bool is_device_name(std::string_view component) {
  std::string stem(component.substr(0, component.find('.')));
  std::transform(stem.begin(), stem.end(), stem.begin(), [](unsigned char c) { return std::toupper(c); });
  if (stem == "CON" || stem == "PRN" || stem == "AUX" || stem == "NUL") return true;
  return stem.size() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT")) && stem[3] >= '0' && stem[3] <= '9';
}

bool is_plain_component(std::string_view component) {
  return !component.empty() && component != "." && component != ".." && component.size() <= kMostComponentBytes &&
         component.back() != '.' && component.back() != ' ' && component.front() != ' ' && component.front() != '~' &&
         !is_device_name(component);
}

// Control characters, path syntax of other systems, and marks that make a name look like another one
// (U+200E, U+200F, U+202A–U+202E, U+2066–U+2069, U+FEFF).
bool has_forbidden_character(std::string_view name) {
  for (const unsigned char c : name) {
    if (c < 0x20 || c == 0x7F || std::string_view("\\:*?\"<>|").find(static_cast<char>(c)) != std::string_view::npos)
      return true;
  }
  for (const char* mark : {"\u200E", "\u200F", "\u202A", "\u202B", "\u202C", "\u202D", "\u202E", "\u2066", "\u2067",
                           "\u2068", "\u2069", "\uFEFF", "\u0085", "\u2028", "\u2029"}) {
    if (name.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

bool is_safe(const std::string& name) {
  if (name.empty() || name.size() > kMostBytes || to_valid_utf8(name) != name || has_forbidden_character(name))
    return false;
  int components = 0;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view component(name.data() + begin, end - begin);
    if (!is_plain_component(component) || ++components > kMostComponents) return false;
    if (begin == 0 && (component == kWorkFolderName || component == kManifestName)) return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

void check_file_name(const std::string& name) {
  if (is_safe(name)) return;
  throw Error(ErrorCode::bad_weights,
              message("the hub names a file that must not be written: {}", to_valid_utf8(name.substr(0, 200))),
              message("do not use this model; tell the hub about it"));
}

}  // namespace gaze
