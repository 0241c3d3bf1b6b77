#include "tasks/caption.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "base/message.h"
#include "base/threads.h"
#include "catalog/caption_store.h"
#include "generate/generate.h"
#include "media/captioned_image.h"
#include "tasks/picture_pipeline.h"
#include "tasks/picture_walk.h"
#include "text/search_words.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatch = 8;  // pictures the model describes at a time

using Candidates = std::vector<CaptionCandidate>;

// All that decides the words beside picture and weights.
std::string settings_text(const CaptionOptions& options, std::span<const TokenId> start, Precision precision,
                          const GenerationConfig& config) {
  return dump_json({{"start", std::vector<TokenId>(start.begin(), start.end())},
                    {"precision", static_cast<int>(precision)},
                    {"exif_rotation", options.pictures.exif_rotation},
                    {"fast_decode", options.pictures.fast_decode},
                    {"num_beams", config.num_beams},
                    {"num_return_sequences", config.num_return_sequences},
                    {"max_length", config.max_length},
                    {"min_length", config.min_length},
                    {"early_stopping", static_cast<int>(config.early_stopping)},
                    {"length_penalty", config.length_penalty},
                    {"repetition_penalty", config.repetition_penalty},
                    {"no_repeat_ngram_size", config.no_repeat_ngram_size}});
}

std::string candidates_text(const Candidates& candidates) {
  OrderedJson list = OrderedJson::array();
  for (const CaptionCandidate& one : candidates) {
    list.push_back({{"text", one.text}, {"score", one.score}, {"ids", one.ids}});
  }
  return dump_json(list);
}

Candidates parse_candidates(const std::string& text, const fs::path& library) {
  try {
    Candidates candidates;
    for (const Json& one : parse_json(text, display(library))) {
      candidates.push_back({one.at("text"), one.at("score"), one.at("ids")});
    }
    if (!candidates.empty()) return candidates;
  } catch (const Json::exception&) {
  } catch (const Error&) {
  }
  throw Error(ErrorCode::library_damaged, message("{}: a caption in it is damaged", display(library)),
              message("move the file away and index again; the pictures themselves are not touched"));
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// One run of caption_pictures.
class Captioning {
 public:
  Captioning(Library& library, const Captioner& captioner, const ModelKey& model, const CaptionOptions& options,
             const CancelToken& cancel)
      : library_(library),
        store_(library),
        captioner_(captioner),
        options_(options),
        cancel_(cancel),
        start_(captioner.start_tokens(options.language, options.prompt)),
        config_(options.generation) {
    if (options.max_new_tokens) config_.max_length = static_cast<int>(start_.size()) + *options.max_new_tokens;
    validate(config_);
    key_ = {model, settings_text(options, start_, captioner.precision(), config_)};
  }

  CaptionResult run(std::span<const fs::path> named, const Bytes& standard_input) {
    for (const fs::path& one : named) gather(one);
    if (standard_input_) describe_standard_input(standard_input);
    take_kept();
    read_others();
    tell();
    for (Item& item : items_) {
      if (item.fate == Item::Fate::captioned) result_.captions.push_back(std::move(item.picture));
      if (item.fate == Item::Fate::failed) result_.failed.push_back(std::move(item.failure));
    }
    return std::move(result_);
  }

 private:
  // A file and what became of it.
  struct Item {
    enum class Fate { open, captioned, failed, skipped };

    CaptionedPicture picture;
    bool named = false;  // by the user, not found in a folder
    Fate fate = Fate::open;
    FailedInput failure;
  };

  void gather(const fs::path& named) {
    if (named == "-") {
      standard_input_ = items_.size();
      items_.push_back({.picture = {.image = named}});
      return;
    }
    try {
      WalkedFolders walked = walk_folders(std::span(&named, 1), options_.follow_links, cancel_);
      for (PictureFile& file : walked.files) {
        if (!seen_.insert(file.path).second) continue;
        const fs::path given = file.given.empty() ? file.path : file.given;
        items_.push_back({.picture = {.image = given, .file = std::move(file)}, .named = given == named});
      }
      for (FailedInput& folder : walked.failed) result_.failed.push_back(std::move(folder));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::not_found) throw;
      items_.push_back({.picture = {.image = named}});
      fail(items_.size() - 1, error.code(), error.message());
    }
  }

  void take_kept() {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (items_[i].fate != Item::Fate::open) continue;
      cancel_.check();
      if (const auto kept = store_.find(items_[i].picture.file, key_)) {
        ++result_.reused;
        settle(i, parse_candidates(kept->candidates, library_.path()));
      } else {
        to_read_.push_back(i);
      }
    }
  }

  void read_others() {
    done_before_ = done_;
    std::vector<const PictureFile*> files;
    for (const std::size_t item : to_read_) files.push_back(&items_[item].picture.file);
    PicturePipeline pipeline(
        files, captioner_.image_processor(), [this](const auto& hash) { return find_said(hash); },
        {.fast_decode = options_.pictures.fast_decode,
         .exif_rotation = options_.pictures.exif_rotation,
         .threads = compute_threads(),
         .ready = 2 * kBatch},
        cancel_);
    while (auto picture = pipeline.next()) take(*std::move(picture), pipeline);
    describe_batch(pipeline);
  }

  void take(ReadyPicture picture, PicturePipeline& pipeline) {
    const std::size_t item = to_read_[picture.file];
    switch (picture.kind) {
      case ReadyPicture::Kind::pixels:
        batch_.push_back(std::move(picture));
        if (batch_.size() == kBatch) describe_batch(pipeline);
        break;
      case ReadyPicture::Kind::known:
        ++result_.reused;
        repeat(item, picture.hash);
        break;
      case ReadyPicture::Kind::waits:
        if (const auto failed = failures_.find(picture.hash); failed != failures_.end()) {
          fail_alike(item, failed->second);
        } else if (find_said(picture.hash)) {
          repeat(item, picture.hash);
        } else {
          waiting_[picture.hash].push_back(item);
        }
        break;
      case ReadyPicture::Kind::skipped:
        if (items_[item].named) {
          fail(item, ErrorCode::bad_image, message("{}: not a picture", display(items_[item].picture.image)));
        } else {
          items_[item].fate = Item::Fate::skipped;
          ++done_;
          ++result_.skipped;
        }
        break;
      case ReadyPicture::Kind::failed:
        fail(item, picture.code, picture.message);
        if (picture.hash == ContentHash{}) break;  // it could not even be read
        failures_.emplace(picture.hash, item);
        for (const std::size_t other : waiting_[picture.hash]) fail_alike(other, item);
        waiting_.erase(picture.hash);
        break;
    }
    report();
  }

  // What was said of this content, now or in an earlier run. Called from the pipeline's threads too.
  std::optional<ContentId> find_said(const ContentHash& hash) {
    const std::lock_guard lock(mutex_);
    if (said_.contains(hash)) return ContentId{};
    const auto kept = store_.find(hash, key_);
    if (!kept) return {};
    said_.emplace(hash, parse_candidates(kept->candidates, library_.path()));
    return ContentId{};
  }

  void repeat(std::size_t item, const ContentHash& hash) {
    store_.store_file(items_[item].picture.file, hash);
    const std::lock_guard lock(mutex_);
    settle(item, said_.at(hash));
  }

  void describe_batch(PicturePipeline& pipeline) {
    if (batch_.empty()) return;
    cancel_.check();
    std::vector<std::span<const float>> pixels;
    for (const ReadyPicture& picture : batch_) pixels.emplace_back(picture.pixels);
    std::vector<Candidates> described = describe(pixels);

    std::vector<NewCaption> captions;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      const std::string& text = described[i].front().text;
      NewCaption caption{.hash = batch_[i].hash,
                         .facts = batch_[i].facts,
                         .files = {items_[to_read_[batch_[i].file]].picture.file},
                         .caption = {text, candidates_text(described[i])},
                         .words = joined(search_words(text))};
      for (const std::size_t other : waiting_[batch_[i].hash]) {
        caption.files.push_back(items_[other].picture.file);
      }
      captions.push_back(std::move(caption));
    }
    store_.store(key_, captions);

    for (std::size_t i = 0; i < batch_.size(); ++i) {
      const ContentHash& hash = batch_[i].hash;
      for (const std::size_t other : waiting_[hash]) settle(other, described[i]);
      waiting_.erase(hash);
      settle(to_read_[batch_[i].file], described[i]);
      const std::lock_guard lock(mutex_);
      said_.emplace(hash, std::move(described[i]));
    }
    for (const ReadyPicture& picture : batch_) pipeline.settle(picture.hash);
    batch_.clear();
    report();
  }

  std::vector<Candidates> describe(std::span<const std::span<const float>> pictures) {
    const ImageProcessor& processor = captioner_.image_processor();
    const auto count = static_cast<std::int64_t>(pictures.size());
    if (!pixels_.defined() || pixels_.size(0) < count) {
      pixels_ = Tensor::empty({count, 3, processor.output_height(), processor.output_width()}, DType::f32);
    }
    float* to = pixels_.data<float>();
    for (const auto& picture : pictures) to = std::copy(picture.begin(), picture.end(), to);
    const auto decoder = captioner_.decoder(pixels_.rows(0, count));
    const std::vector<std::vector<TokenId>> prompts(pictures.size(), start_);

    std::vector<Candidates> all;
    for (const std::vector<Generation>& one : generate(*decoder, prompts, config_, {.cancel = &cancel_})) {
      Candidates& candidates = all.emplace_back();
      for (const Generation& generation : one) {
        // The prompt is the beginning of the sentence; the start token before it is not.
        std::vector<TokenId> whole(start_.begin() + 1, start_.end());
        whole.insert(whole.end(), generation.ids.begin(), generation.ids.end());
        candidates.push_back({captioner_.text(whole), generation.score, generation.ids});
      }
    }
    return all;
  }

  void describe_standard_input(const Bytes& bytes) {
    const std::size_t item = *standard_input_;
    const ImageProcessor& processor = captioner_.image_processor();
    std::vector<float> pixels(std::size_t{3} * static_cast<std::size_t>(processor.output_height()) *
                              static_cast<std::size_t>(processor.output_width()));
    try {
      processor.process(bytes, message("standard input"), decode_options(processor, options_.pictures), pixels.data());
    } catch (const Error& error) {
      return fail(item, error.code(), error.message());
    }
    const std::span<const float> one(pixels);
    settle(item, describe(std::span(&one, 1)).front());
  }

  void settle(std::size_t item, Candidates candidates) {
    items_[item].picture.candidates = std::move(candidates);
    items_[item].fate = Item::Fate::captioned;
    ++done_;
  }

  void fail(std::size_t item, ErrorCode code, const std::string& text) {
    items_[item].failure = {items_[item].picture.image, code, text};
    items_[item].fate = Item::Fate::failed;
    ++done_;
  }

  // For the same reason as another file of the same content.
  void fail_alike(std::size_t item, std::size_t other) {
    const std::string name = display(items_[other].picture.image);
    std::string text = items_[other].failure.message;
    if (text.starts_with(name)) text.replace(0, name.size(), display(items_[item].picture.image));
    fail(item, items_[other].failure.code, text);
  }

  // Of what is read in this run: what the library had took no time.
  void report() {
    tell();
    if (options_.progress) options_.progress(done_ - done_before_, to_read_.size());
  }

  void tell() {
    for (; told_ < items_.size() && items_[told_].fate != Item::Fate::open; ++told_) {
      if (options_.on_caption && items_[told_].fate == Item::Fate::captioned)
        options_.on_caption(items_[told_].picture);
    }
  }

  Library& library_;
  CaptionStore store_;
  const Captioner& captioner_;
  const CaptionOptions& options_;
  const CancelToken& cancel_;
  const std::vector<TokenId> start_;
  GenerationConfig config_;
  CaptionKey key_;
  CaptionResult result_;

  std::vector<Item> items_;  // in the order named
  std::unordered_set<std::string> seen_;
  std::optional<std::size_t> standard_input_;
  std::vector<std::size_t> to_read_;  // items, as the pipeline counts its files
  std::size_t done_ = 0, told_ = 0;
  std::size_t done_before_ = 0;  // before the first file was read
  std::vector<ReadyPicture> batch_;
  Tensor pixels_;                                                                         // of a whole batch, made once
  std::unordered_map<ContentHash, std::vector<std::size_t>, ContentHashHasher> waiting_;  // items by content
  std::unordered_map<ContentHash, std::size_t, ContentHashHasher> failures_;  // an item that failed, by content
  std::mutex mutex_;                                                          // guards said_
  std::unordered_map<ContentHash, Candidates, ContentHashHasher> said_;
};

}  // namespace

CaptionResult caption_pictures(Library& library, const Captioner& captioner, const ModelKey& model,
                               std::span<const fs::path> named, const Bytes& standard_input,
                               const CaptionOptions& options, const CancelToken& cancel) {
  return Captioning(library, captioner, model, options, cancel).run(named, standard_input);
}

void draw_caption(const fs::path& output, const CaptionedPicture& picture, const Bytes& standard_input,
                  const PictureOptions& options) {
  const DecodeOptions decode{.exif_rotation = options.exif_rotation};
  const Image image = picture.file.path.empty() ? decode_image(standard_input, message("standard input"), decode)
                                                : load_image(picture.file.path, decode);
  write_captioned_image(output, image, picture.candidates.front().text);
}

}  // namespace gaze
