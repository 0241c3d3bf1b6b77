#include "weights/weight_file.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "base/split_name.h"

namespace gaze {
namespace {

constexpr std::size_t kLongestQuote = 120;  // bytes of a name that a message shows

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

WeightFile map_part(const std::filesystem::path& path) {
  auto mapped = std::make_shared<const MappedFile>(path);
  const auto bytes = mapped->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("version https://git-lfs.github.com/")) {
    refuse(display(path), message("a Git LFS pointer, not the weights themselves"),
           message("fetch the weights: git lfs pull"));
  }
  WeightFile file{bytes, std::move(mapped), display(path), true};  // apart: as in gguf.cpp
  return file;
}

std::optional<SplitName> split_of(const std::filesystem::path& path) {
  auto split = parse_split_name(path.filename().native());
  return split && split->extension == ".gguf" ? split : std::nullopt;
}

}  // namespace

std::vector<std::filesystem::path> parts_of(const std::filesystem::path& file) {
  const std::optional<SplitName> split = split_of(file);
  if (!split || split->number != 1) return {file};
  std::vector<std::filesystem::path> all;
  for (int number = 1; number <= split->count; ++number) all.push_back(file.parent_path() / split->of(number));
  return all;
}

WeightFile map_weight_file(const std::filesystem::path& path) {
  const std::optional<SplitName> split = split_of(path);
  if (split && split->number != 1) {
    throw Error(ErrorCode::usage,
                message("{}: part {} of a model in {} files", display(path), split->number, split->count),
                message("give the first: {}", display(path.parent_path() / split->of(1))));
  }
  WeightFile file = map_part(path);
  const std::vector<std::filesystem::path> parts = parts_of(path);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(parts[i], ignored)) {
      throw Error(ErrorCode::not_found,
                  message("{}: the model is in {} files, and {} is not there", display(path), parts.size(),
                          parts[i].filename().string()),
                  message("all of them lie in one folder; or merge them: llama-gguf-split --merge"));
    }
    file.rest.push_back(map_part(parts[i]));
  }
  return file;
}

void refuse(const std::string& origin, const std::string& fault, std::string hint) {
  if (hint.empty()) hint = message("the file is damaged or not what it claims to be: fetch it again");
  throw Error(ErrorCode::bad_weights, message("{}: {}", origin, fault), std::move(hint));
}

void refuse_missing(const std::string& origin, std::string_view tensor) {
  refuse(origin, message("no tensor {}", in_quotes(tensor)),
         message("the file belongs to another model, or is a part"));
}

std::string in_quotes(std::string_view name) {
  const bool is_long = name.size() > kLongestQuote;
  std::string text = to_valid_utf8(name.substr(0, kLongestQuote));
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return "'" + text + (is_long ? "…'" : "'");
}

bool is_sane_name(std::string_view name) {
  return !name.empty() && name.size() <= static_cast<std::size_t>(limits().tensor_name_bytes) &&
         std::none_of(name.begin(), name.end(), is_control) && to_valid_utf8(name) == name;
}

void ByteReader::refuse_end(std::uint64_t count) const {
  refuse(origin_, message("{} bytes are needed at byte {}, and there are only {}", count, position_, remaining()));
}

}  // namespace gaze
