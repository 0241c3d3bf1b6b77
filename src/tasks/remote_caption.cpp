#include "tasks/remote_caption.h"

#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "catalog/caption_store.h"
#include "catalog/content_hash.h"
#include "tasks/picture_pipeline.h"
#include "tasks/picture_walk.h"
#include "tasks/remote_access.h"
#include "text/search_words.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxTokens = 100;

struct Item {
  CaptionedPicture picture;
  bool named = false;  // by the user, not found in a folder
  std::variant<std::monostate, ChatAnswer, Error> outcome{};
};

void gather(const fs::path& named, bool follow_links, const CancelToken& cancel, std::vector<Item>& items,
            std::vector<FailedInput>& failed) {
  if (named == "-") {
    items.push_back({.picture = {.image = named}, .named = true});
    return;
  }
  try {
    WalkedFolders walked = walk_folders(std::span(&named, 1), follow_links, cancel);
    for (PictureFile& file : walked.files) {
      const fs::path given = file.given.empty() ? file.path : file.given;
      items.push_back({.picture = {.image = given, .file = std::move(file)}, .named = given == named});
    }
    for (FailedInput& folder : walked.failed) failed.push_back(std::move(folder));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_found) throw;
    items.push_back({.picture = {.image = named}, .named = true, .outcome = error});
  }
}

// The question for files that are still without an outcome.
PictureRound round_of(std::span<const std::string> files, const Bytes& standard_input, const CaptionOptions& options) {
  PictureRound round{.pictures = files, .standard_input = &standard_input};
  round.text = options.prompt.empty() ? caption_prompt(options.language) : options.prompt;
  round.options.max_tokens = options.max_new_tokens.value_or(kMaxTokens);
  return round;
}

std::string file_of(const Item& item) {
  return item.picture.image == "-" ? "-" : item.picture.file.path;
}

// One line, as a caption is.
std::string one_line(std::string text) {
  for (char& c : text) c = c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// In the library, as the captions of models here.
void keep(CaptionStore& store, const std::string& model, const PictureRound& round, const CaptionedPicture& picture) {
  const Bytes bytes = read_file(picture.file.path, limits().image_file_bytes);
  const std::string& text = picture.candidates.front().text;
  const OrderedJson candidates =
      OrderedJson::array({{{"text", text}, {"score", nullptr}, {"ids", OrderedJson::array()}}});
  const NewCaption caption{.hash = content_hash(bytes),
                           .facts = facts_of(bytes, read_image_header(bytes)),
                           .files = {picture.file},
                           .caption = {text, dump_json(candidates)},
                           .words = fmt::format("{}", fmt::join(search_words(text), " "))};
  const OrderedJson settings{{"prompt", round.text}, {"max_tokens", *round.options.max_tokens}};
  store.store({{model, model}, dump_json(settings)}, std::span(&caption, 1));
}

}  // namespace

CaptionResult caption_remotely(Library& library, const std::string& model, std::span<const fs::path> named,
                               const Bytes& standard_input, const CaptionOptions& options, const CancelToken& cancel) {
  CaptionResult result;
  std::vector<Item> items;
  for (const fs::path& one : named) gather(one, options.follow_links, cancel, items, result.failed);

  std::vector<std::size_t> open;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].outcome.index() != 0) continue;
    open.push_back(i);
    names.push_back(file_of(items[i]));
  }
  const RemoteAccess access(model, true, open.size());
  CaptionStore store(library);

  std::size_t done = items.size() - open.size(), told = 0;
  const auto tell = [&](bool one_more) {
    done += one_more;
    for (; told < items.size() && items[told].outcome.index() != 0; ++told) {
      const bool answered = std::holds_alternative<ChatAnswer>(items[told].outcome);
      if (answered && options.on_caption) options.on_caption(items[told].picture);
    }
    if (options.progress) options.progress(done, items.size());
  };
  PictureRound round = round_of(names, standard_input, options);
  round.on_answer = [&](std::size_t i, const ChatAnswer& answer) {
    CaptionedPicture& picture = items[open[i]].picture;
    picture.candidates = {{one_line(answer.text), std::numeric_limits<float>::quiet_NaN(), {}}};
    if (picture.image != "-") keep(store, model, round, picture);
    items[open[i]].outcome = answer;
    tell(true);
  };
  round.on_failure = [&](std::size_t i, const Error& error) {
    items[open[i]].outcome = error;
    tell(true);
  };
  ask_of_each(access.model(), round, access.care(), cancel);
  tell(false);

  for (Item& item : items) {
    if (const auto* error = std::get_if<Error>(&item.outcome)) {
      if (error->code() == ErrorCode::bad_image && !item.named) {  // a folder holds other files too
        ++result.skipped;
      } else {
        result.failed.push_back({item.picture.image, error->code(), error->message()});
      }
    } else {
      result.captions.push_back(std::move(item.picture));
    }
  }
  return result;
}

OrderedJson describe_captions(const std::string& model, std::span<const fs::path> named, const Bytes& standard_input,
                              const CaptionOptions& options, const CancelToken& cancel) {
  std::vector<Item> items;
  std::vector<FailedInput> failed;
  for (const fs::path& one : named) gather(one, options.follow_links, cancel, items, failed);
  std::vector<std::string> names;
  for (const Item& item : items) {
    if (const auto* error = std::get_if<Error>(&item.outcome)) throw *error;
    names.push_back(file_of(item));
  }
  const RemoteAccess access(model, true, names.size());
  return describe_first(access.model(), round_of(names, standard_input, options), access.care());
}

}  // namespace gaze
