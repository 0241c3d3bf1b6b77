// What models said of the pictures of a library: kept to be shown, reused and searched.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/library.h"

namespace gaze {

// What decides the words of a caption beside the picture.
struct CaptionKey {
  ModelKey model;
  std::string settings;  // any text that is another one for other settings
};

struct StoredCaption {
  std::string text;
  std::string candidates;  // as the writer put it: JSON (docs/formats.md)
};

struct NewCaption {
  ContentHash hash{};
  PictureFacts facts;
  std::vector<PictureFile> files;
  StoredCaption caption;
  std::string words;  // of the text, for searching: words in lower case, parted by spaces
};

struct FoundCaption {
  ContentId content = 0;
  std::string text;
  double evidence = 0;  // that the words mean this caption, 0 to 1 (caption_evidence.h)
};

// Each call is one transaction, whole or not at all; threads and errors as Library.
class CaptionStore {
 public:
  explicit CaptionStore(Library& library) : library_(library) {}  // which outlives this

  // Of a file that is as it was when its caption was made: without reading it.
  std::optional<StoredCaption> find(const PictureFile& file, const CaptionKey& key);
  std::optional<StoredCaption> find(const ContentHash& hash, const CaptionKey& key);

  // Captions under `key`; those that the same model made with other weights are forgotten.
  void store(const CaptionKey& key, std::span<const NewCaption> captions);
  // A file whose content is known already.
  void store_file(const PictureFile& file, const ContentHash& hash);

  // The captions that have some of `words` (the first 32 of them), best first, the best one of each content alone.
  std::vector<FoundCaption> search(std::span<const std::string> words, std::int64_t most);
  // The caption made last; empty where there is none.
  std::string newest(ContentId content);

  // The file got other metadata and with them another hash: it is the picture that it was, with its vectors and
  // captions.
  void follow_rewrite(const PictureFile& file, const ContentHash& hash);

 private:
  Library& library_;
};

}  // namespace gaze
