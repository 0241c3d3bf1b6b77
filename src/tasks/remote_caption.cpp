#include "tasks/remote_caption.h"

#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "base/error.h"
#include "catalog/caption_store.h"
#include "tasks/caption_inputs.h"
#include "tasks/remote_access.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxTokens = 100;

struct Item {
  CaptionedPicture picture;
  bool named = false;  // by the user, not found in a folder
  std::variant<std::monostate, ChatAnswer, Error> outcome{};
};

std::vector<Item> gather(std::span<const fs::path> named, bool follow_links, const CancelToken& cancel,
                         std::vector<FailedInput>& failed) {
  std::vector<Item> items;
  for (CaptionInput& input : gather_inputs(named, follow_links, cancel, failed)) {
    items.push_back({.picture = std::move(input.picture), .named = input.named});
    if (input.fault) items.back().outcome = *input.fault;
  }
  return items;
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

}  // namespace

CaptionResult caption_remotely(Library& library, const std::string& model, std::span<const fs::path> named,
                               const Bytes& standard_input, const CaptionOptions& options, const CancelToken& cancel) {
  CaptionResult result;
  std::vector<Item> items = gather(named, options.follow_links, cancel, result.failed);

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
  const std::string settings = dump_json({{"prompt", round.text}, {"max_tokens", *round.options.max_tokens}});
  round.on_answer = [&](std::size_t i, const ChatAnswer& answer) {
    CaptionedPicture& picture = items[open[i]].picture;
    picture.candidates = {{one_line(answer.text), std::numeric_limits<float>::quiet_NaN(), {}}};
    if (picture.image != "-") keep_caption(store, {{model, model}, settings}, picture);
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
  std::vector<FailedInput> failed;
  const std::vector<Item> items = gather(named, options.follow_links, cancel, failed);
  std::vector<std::string> names;
  for (const Item& item : items) {
    if (const auto* error = std::get_if<Error>(&item.outcome)) throw *error;
    names.push_back(file_of(item));
  }
  const RemoteAccess access(model, true, names.size());
  return describe_first(access.model(), round_of(names, standard_input, options), access.care());
}

}  // namespace gaze
