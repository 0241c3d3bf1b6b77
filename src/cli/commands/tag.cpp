#include "tasks/tag.h"

#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/commands/remote.h"
#include "cli/progress.h"
#include "cli/shares.h"
#include "cli/terminal.h"
#include "tasks/match.h"
#include "tasks/remote_access.h"
#include "tasks/remote_tag.h"

namespace gaze::cli {
namespace {

constexpr double kShown = 0.1;  // in a line of many pictures, where no threshold is set

// One run of the command: what was asked, and how tags are told.
class Tagging {
 public:
  explicit Tagging(Invocation& invocation)
      : invocation_(invocation),
        threshold_(invocation.settings.given("threshold") ? invocation.settings.real("threshold") : 0),
        named_(pictures_of(invocation.arguments, standard_input_, invocation.cancel)),
        alone_(named_.size() == 1 && !std::filesystem::is_directory(named_.front())),
        progress_(0, message("pictures")) {
    const Settings& settings = invocation.settings;
    options_ = {.labels = parse_labels(settings.text("labels")),
                .form = settings.text("form"),
                .pictures = picture_options(settings),
                .follow_links = settings.flag("follow-links")};
    label_texts(options_.labels, options_.form);  // refused before anything else happens
    options_.progress = [this](std::size_t done, std::size_t total) { progress_.show(done, total); };
  }

  int run() {
    const std::string model = invocation_.settings.text("model"), route = route_of(invocation_.settings);
    const bool remote = is_remote_model(model);
    if (invocation_.settings.flag("dry-run")) return dry_run(remote ? model : route);
    if (remote) {
      tag_there(model, named_);
    } else {
      tag_here(route);
    }
    progress_.clear();
    return finish();
  }

 private:
  int dry_run(const std::string& model) {
    if (model.empty()) {
      throw Error(ErrorCode::usage, message("--dry-run shows what would leave the machine, and nothing would"),
                  message("name a remote model (--model, --route), or leave --dry-run out"));
    }
    print_request(invocation_.output, describe_tags(model, named_, standard_input_, options_, invocation_.cancel));
    return 0;
  }

  void tag_here(const std::string& route) {
    try {
      const ModelEntry entry = choose_model(invocation_, "embed");
      const auto encoder = open_model(invocation_, entry, {});
      if (is_wrong_language(*encoder, options_.labels)) {
        log_note(
            message("{} was trained on English, so its probabilities for Chinese say little; {}, Chinese-CLIP and "
                    "SigLIP 2 know Chinese",
                    entry.name, kBuiltInModel));
      }
      model_ = entry.name;
      normalisation_ = encoder->info().sigmoid ? "sigmoid" : "softmax";
      options_.on_tags = [&](const TaggedPicture& picture) {
        if (route.empty() || !is_unsure(picture.tags)) print(picture);
      };
      result_ = tag_pictures(*encoder, named_, standard_input_, options_, invocation_.cancel);
    } catch (const Error& error) {
      if (route.empty() || !helps_to_ask_elsewhere(error)) throw;
      log_note(message("{}; {} is asked", error.message(), route));
      return tag_there(route, named_);
    }
    if (!route.empty()) ask_about_unsure(route);
  }

  void tag_there(const std::string& model, std::span<const std::filesystem::path> named) {
    model_ = model;
    normalisation_ = "sigmoid";
    options_.on_tags = [this](const TaggedPicture& picture) { print(picture); };
    result_ = tag_remotely(model, named, standard_input_, options_, invocation_.cancel);
  }

  // What the remote model says of them takes the place of what the one here said.
  void ask_about_unsure(const std::string& route) {
    std::vector<std::filesystem::path> unsure;
    std::map<std::filesystem::path, std::size_t> places;
    for (std::size_t i = 0; i < result_.pictures.size(); ++i) {
      if (!is_unsure(result_.pictures[i].tags)) continue;
      unsure.push_back(result_.pictures[i].image);
      places[unsure.back()] = i;
    }
    if (unsure.empty()) return;
    progress_.clear();
    log_note(message("{} is not sure of {} pictures; {} is asked", model_, unsure.size(), route));
    options_.on_tags = [this](const TaggedPicture& picture) { print(picture); };
    try {
      TagResult asked = tag_remotely(route, unsure, standard_input_, options_, invocation_.cancel);
      for (const FailedInput& failed : asked.failed) log_warning(failed.message);
      for (TaggedPicture& picture : asked.pictures) {
        routed_[picture.image] = route;
        result_.pictures[places.at(picture.image)] = std::move(picture);
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::cancelled) throw;
      log_warning(error.message());
    }
    for (const auto& [image, place] : places) {  // where the other one failed, what was found here stays
      if (!routed_.contains(image)) print(result_.pictures[place]);
    }
  }

  // The labels that have at least the threshold, best first.
  std::vector<Share> passing(const Tags& tags, double threshold) const {
    std::vector<Share> shares;
    for (std::size_t i = 0; i < options_.labels.size(); ++i) {
      if (tags.probabilities[i] >= threshold) shares.push_back({options_.labels[i], tags.probabilities[i]});
    }
    std::ranges::stable_sort(shares, std::greater(), &Share::probability);
    return shares;
  }

  // For people: a picture alone as bars, one of many as a line.
  void print(const TaggedPicture& picture) {
    if (invocation_.json()) return;
    progress_.clear();
    Output& output = invocation_.output;
    const std::string none = message("none of these");
    if (alone_) {
      std::vector<Share> shares = passing(picture.tags, threshold_);
      shares.push_back({none, picture.tags.none});
      print_shares(output, shares);
    } else {
      const double least = invocation_.settings.given("threshold") ? threshold_ : kShown;
      std::string tags;
      for (const Share& share : passing(picture.tags, least)) {
        tags += fmt::format("{}{} {:.2f}", tags.empty() ? "" : ", ", share.text, share.probability);
      }
      if (tags.empty()) tags = fmt::format("{} {:.2f}", none, picture.tags.none);
      output.line(printable(display(picture.image) + ": " + tags));
    }
    output.flush();
  }

  int finish() {
    warn_of_failed(result_.failed);
    if (invocation_.json()) {
      OrderedJson document{{"model", model_}, {"normalisation", normalisation_}, {"images", OrderedJson::array()}};
      for (const TaggedPicture& picture : result_.pictures) document["images"].push_back(json_of(picture));
      document["failed"] = failed_json(result_.failed);
      invocation_.output.document(document);
    }
    return status_for(result_.failed);
  }

  OrderedJson json_of(const TaggedPicture& picture) const {
    OrderedJson object;
    put_path(object, "image", picture.image);
    object["tags"] = OrderedJson::array();
    for (const Share& share : passing(picture.tags, threshold_)) {
      object["tags"].push_back({{"label", share.text}, {"probability", share.probability}});
    }
    object["none_probability"] = picture.tags.none;
    if (const auto routed = routed_.find(picture.image); routed != routed_.end()) object["model"] = routed->second;
    return object;
  }

  Invocation& invocation_;
  const double threshold_;
  Bytes standard_input_;
  const std::vector<std::filesystem::path> named_;
  const bool alone_;
  Progress progress_;
  TagOptions options_;
  std::string model_, normalisation_;
  TagResult result_;
  std::map<std::filesystem::path, std::string> routed_;  // pictures that another model was asked about, and which one
};

int run_tag(Invocation& invocation) {
  return Tagging(invocation).run();
}

}  // namespace

Command tag_command() {
  Command command;
  command.name = "tag";
  command.arguments = "IMAGE…|FOLDER --labels A,B,C|FILE";
  command.summary = message("which of your labels fit pictures, or none of them");
  command.description = message(
      "With most models the labels and \"none of these\" compete, and their probabilities add up to 1; with SigLIP and "
      "remote models each label stands for itself. A remote model is asked about each picture. Folders are read with "
      "all below them.");
  Option labels = text("labels", "A,B,C|FILE", message("the labels, in English or Chinese (FILE: one a line)"));
  labels.names_a_file = true;
  command.options = {
      std::move(labels),
      real("threshold", "X", message("only labels that have at least this probability"), "", 0, 1),
      text("form", "TEXT", message("how a label is asked, with {{}} in its place; default: \"a photo of a {{}}\"")),
      flag("follow-links", message("follow symbolic links to folders")),
      route_option(),
      dry_run_option(),
      decode_option(),
      no_exif_rotation_option()};
  command.examples = {
      {message("gaze tag photo.jpg --labels cat,dog,car"), message("how likely each is, and that it is none of them")},
      {message("gaze tag ~/Pictures --labels labels.txt --threshold 0.5 --json"),
       message("all pictures of a folder, for a program")},
      {message("gaze tag photo.jpg --labels cat,dog --model openai:gpt-4o"),
       message("by asking a remote model: see `gaze ask --help` for what leaves the machine")},
      {message("gaze tag ~/Pictures --labels cat,dog --route openai:gpt-4o"),
       message("here; only pictures that nothing has half of the probability for are sent")}};
  command.least_arguments = 1;
  command.run = run_tag;
  return command;
}

}  // namespace gaze::cli
