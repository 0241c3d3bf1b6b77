// The library: which pictures are known, and the vectors that models made of them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "catalog/content_hash.h"
#include "catalog/database.h"

namespace gaze {

using ContentId = std::int64_t;

// The weights tell which model it is, the name is what people call it: a checkpoint folder has many names, and the
// same name may have other weights tomorrow.
struct ModelKey {
  std::string name;
  std::string weights;  // any text that is another one for other weights (tasks/weights_identity.h)
};

struct IndexedModel {
  std::int64_t id = 0;
  std::string name;
  int dimension = 0;
  std::int64_t revision = 0;  // grows with every change to the model's vectors
};

// A file as it lay on the disk when it was looked at. Names are strings of any bytes: there may be very many, and a
// std::filesystem::path takes several times the memory.
struct PictureFile {
  std::string path;   // absolute
  std::string given;  // the name the user gave it, empty where that is `path`
  std::int64_t size = 0;
  std::int64_t modified_ns = 0;
};

// What the library knows of a picture under some model.
struct KnownContent {
  ContentId id = 0;
  bool has_vector = false;
};
struct KnownPicture {
  std::int64_t id = 0;
  std::int64_t size = 0;
  std::int64_t modified_ns = 0;
  ContentId content = 0;
  bool has_vector = false;
};

// What is known of a picture beside its vectors.
struct PictureFacts {
  int width = 0, height = 0;  // upright
  std::string taken;          // ISO 8601; empty: unknown
  std::string camera;         // empty: unknown
  std::optional<double> latitude, longitude;
};

// One picture to store: what it is, its vector under the model at hand, and the files that hold it.
struct NewPicture {
  ContentHash hash{};
  PictureFacts facts;
  std::vector<float> vector;  // of length 1; empty where the library has it already
  std::vector<PictureFile> files;
};

struct StoredPicture {
  std::int64_t id = 0;
  std::string path, given;  // as in PictureFile
  PictureFacts facts;
};

struct LibraryStats {
  std::filesystem::path path;
  std::int64_t bytes = 0;  // of the library and the files that belong to it
  std::int64_t pictures = 0;
  std::map<std::string, std::int64_t> vectors;  // by model name
};

struct ListedPicture {
  std::string path, given;
  std::vector<std::string> models;
};

// One open library. Each call is one transaction, whole or not at all; safe to call from several threads, one at a
// time goes on. Several processes may have the same library open.
// Errors of every call: library_locked, library_damaged, disk_full, not_found, out_of_memory.
class Library {
 public:
  // Opens or makes it, folders included.
  static Library create(const std::filesystem::path& path);
  // Errors: library_empty where there is no such file.
  static Library open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return database_->path(); }

  std::vector<IndexedModel> models();
  std::optional<IndexedModel> find_model(const ModelKey& key);
  // The model with these weights, made where it is new. Where other weights had its name, their vectors are forgotten:
  // no query could be compared with them any more.
  IndexedModel use_model(const ModelKey& key, int dimension);

  std::optional<KnownPicture> find_picture(std::string_view path, const IndexedModel& model);
  std::optional<KnownContent> find_content(const ContentHash& hash, const IndexedModel& model);
  // The known pictures that are `path` or lie below it, in the order of their paths.
  std::vector<StoredPicture> pictures_under(const std::filesystem::path& path);

  void store(const IndexedModel& model, std::span<const NewPicture> pictures);
  // Forgets pictures, and what no other picture holds.
  void remove(std::span<const std::int64_t> picture_ids);

  LibraryStats stats();
  std::map<std::string, std::int64_t> count_vectors();  // by model name
  std::vector<ListedPicture> list();
  // Reads all of it: structure, references, vectors. Errors: library_damaged (names the first faults).
  void check(const CancelToken& cancel);
  // Forgets the pictures whose files are gone and gives unused room back to the disk; returns how many.
  std::int64_t prune(const CancelToken& cancel);

 private:
  friend class VectorSearch;
  friend class CaptionStore;
  Library(const std::filesystem::path& path, Database::Mode mode);
  std::optional<IndexedModel> read_model(const ModelKey& key);
  // Pictures by a condition on `pictures` and `contents`, with its order.
  template <class... Values>
  std::vector<StoredPicture> read_pictures(const std::string& condition, const Values&... values);
  static StoredPicture picture_of(const Query& row);
  ContentId store_content(const ContentHash& hash, const PictureFacts& facts);
  void store_vector(const IndexedModel& model, ContentId content, std::span<const float> vector);
  void store_file(const PictureFile& file, ContentId content, std::vector<ContentId>& left);
  void remove_unused(std::span<const ContentId> contents);

  std::unique_ptr<Database> database_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
};

template <class... Values>
std::vector<StoredPicture> Library::read_pictures(const std::string& condition, const Values&... values) {
  std::vector<StoredPicture> pictures;
  Query query(*database_,
              "SELECT pictures.id, path, given, width, height, taken, camera, latitude, longitude "
              "FROM pictures JOIN contents ON contents.id = pictures.content " +
                  condition,
              values...);
  while (query.next()) pictures.push_back(picture_of(query));
  return pictures;
}

// Whether a file is certainly not there: a folder that we may not look into proves nothing.
bool is_missing(const std::filesystem::path& path);

// Where the codes of a model's vectors are kept beside the library (docs/formats.md, "Scan file").
std::filesystem::path scan_file(const std::filesystem::path& library, std::int64_t model);

}  // namespace gaze
