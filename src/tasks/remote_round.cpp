#include "tasks/remote_round.h"

#include <optional>

#include "tasks/remote_access.h"

namespace gaze {

NamedRoundResult ask_about_named(const std::string& model, std::span<const NamedPicture> pictures,
                                 const NamedRound& round, const CancelToken& cancel) {
  enum class Fate { open, answered, failed };
  std::vector<Fate> fates(pictures.size(), Fate::open);
  std::vector<std::optional<Error>> faults(pictures.size());
  std::vector<std::size_t> open;
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    faults[i] = pictures[i].fault;
    if (faults[i]) {
      fates[i] = Fate::failed;
    } else {
      open.push_back(i);
      paths.push_back(pictures[i].path());
    }
  }
  std::size_t done = pictures.size() - open.size(), told = 0;
  const auto tell = [&] {
    for (; told < pictures.size() && fates[told] != Fate::open; ++told) {
      if (fates[told] == Fate::answered && round.tell) round.tell(told);
    }
    if (round.progress) round.progress(done, pictures.size());
  };
  const auto settle = [&](std::size_t picture, Fate fate) {
    fates[picture] = fate;
    ++done;
    tell();
  };

  const RemoteAccess access(model, true, open.size());
  PictureRound asked{.pictures = paths, .standard_input = round.standard_input, .text = round.text};
  asked.options = round.options;
  asked.on_answer = [&](std::size_t i, const ChatAnswer& answer) {
    round.take(open[i], answer);
    settle(open[i], Fate::answered);
  };
  asked.on_failure = [&](std::size_t i, const Error& error) {
    faults[open[i]] = error;
    settle(open[i], Fate::failed);
  };
  ask_of_each(access.model(), asked, access.care(), cancel);
  tell();

  NamedRoundResult result;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    if (fates[i] == Fate::answered) {
      result.answered.push_back(i);
    } else if (is_no_picture(pictures[i], *faults[i])) {
      ++result.skipped;
    } else {
      result.failed.push_back({pictures[i].image, faults[i]->code(), faults[i]->message()});
    }
  }
  return result;
}

OrderedJson describe_round(const std::string& model, std::span<const NamedPicture> pictures, const NamedRound& round) {
  std::vector<std::string> paths;
  for (const NamedPicture& picture : pictures) {
    if (picture.fault) throw Error(*picture.fault);
    paths.push_back(picture.path());
  }
  const RemoteAccess access(model, true, paths.size());
  PictureRound asked{.pictures = paths, .standard_input = round.standard_input, .text = round.text};
  asked.options = round.options;
  return describe_first(access.model(), asked, access.care());
}

}  // namespace gaze
