// Tokenizer files of any bytes: a tokenizer that encodes and decodes, or an Error. The first byte says which file the
// rest is; the last bytes are also the text.
#include "text/tokenizer.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "text/stream_decoder.h"
#include "text/unicode.h"

namespace {

struct Layout {
  const char* file;
  const char* config;
};
constexpr Layout kLayouts[] = {
    {"tokenizer.json", "{}"},
    {"tokenizer.model", R"({"tokenizer_class":"LlamaTokenizer"})"},
    {"spiece.model", R"({"tokenizer_class":"SiglipTokenizer"})"},
    {"tokenizer.model",
     R"({"tokenizer_class":"GazeMiniTokenizer","strip_final_full_stops":true,"split_cjk_characters":true})"},
    {"vocab.txt", "{}"},
    {"vocab.json", "{}"},  // merges.txt behind the first zero byte
    {"tokenizer_config.json", "{}"},
};

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void use(const gaze::Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {false, true}) {
    const std::vector<gaze::TokenId> ids = tokenizer.encode(text, {.parse_special = special});
    GAZE_CHECK(gaze::is_valid_utf8(tokenizer.decode(ids)));
    gaze::StreamDecoder decoder(tokenizer);
    for (const gaze::TokenId id : ids) GAZE_CHECK(gaze::is_valid_utf8(decoder.push(id)));
    for (const gaze::TokenId id : ids) GAZE_CHECK(id >= 0 && id < tokenizer.vocabulary_size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path folder = [] {
    std::string name = (std::filesystem::temp_directory_path() / "gaze-fuzz-XXXXXX").string();
    GAZE_CHECK(::mkdtemp(name.data()) != nullptr);
    return std::filesystem::path(name);
  }();
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Layout& layout = kLayouts[data[0] % std::size(kLayouts)];

  for (const auto& entry : std::filesystem::directory_iterator(folder)) std::filesystem::remove(entry);
  write(folder / "tokenizer_config.json", layout.config);
  const std::string_view name = layout.file;
  const std::size_t end = name == "vocab.json" ? std::min(bytes.find('\0'), bytes.size()) : bytes.size();
  write(folder / layout.file, bytes.substr(0, end));
  if (name == "vocab.json") write(folder / "merges.txt", bytes.substr(std::min(end + 1, bytes.size())));
  if (name == "tokenizer_config.json") write(folder / "vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n##b\n");
  try {
    use(*gaze::open_tokenizer(folder), bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 64)));
  } catch (const gaze::Error& error) {
    GAZE_CHECK(error.code() != gaze::ErrorCode::internal);
  }
  return 0;
}
