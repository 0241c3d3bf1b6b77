// Large files that were cut into several are called NAME-00002-of-00003.EXTENSION (llama.cpp's gguf-split, the hub).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gaze {

struct SplitName {
  std::string before;  // with the folders, if any
  int number = 1;      // from 1 on
  int count = 1;
  std::string extension;

  std::string of(int number) const;  // what another part is called
};

// Nothing where a name is not such a one.
std::optional<SplitName> parse_split_name(std::string_view name);

}  // namespace gaze
