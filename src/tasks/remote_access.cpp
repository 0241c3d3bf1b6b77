#include "tasks/remote_access.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/message.h"
#include "providers/url.h"

namespace gaze {
namespace {

std::string counted(int count, std::string one, std::string many) {
  return count == 1 ? std::move(one) : std::move(many);
}

}  // namespace

RemoteAccess::RemoteAccess(const std::string& model, bool keep_answers, std::size_t calls)
    : model_(open_remote_model(parse_model_spec(model))),
      cache_(AnswerCache::default_folder()),
      account_(PriceTable::load(PriceTable::default_path()), SpendingAccount::default_ledger()) {
  if (keep_answers) care_.cache = &cache_;
  care_.account = &account_;
  care_.on_kept_answer = [this] {
    std::call_once(said_kept_, [] { log_note(message("a kept answer: nothing was sent (--no-cache asks again)")); });
  };
  if (Url(model_->spec().base_url).is_loopback()) return;  // nothing leaves the machine
  care_.on_departure = [this, calls](const Departure& leaving) {
    std::call_once(said_, [&] { log_note(departure_text(leaving, calls)); });
  };
}

RemoteModelAhead::RemoteModelAhead(std::span<const std::string> line) {
  if (std::ranges::any_of(line, is_remote_model)) client_.emplace();
}

std::string departure_text(const Departure& leaving, std::size_t calls) {
  std::string what;
  const auto add = [&](const std::string& item) { what += (what.empty() ? "" : ", ") + item; };
  const double kibibytes = static_cast<double>(leaving.bytes) / 1024;
  if (leaving.pictures > 0) {
    add(counted(leaving.pictures, message("1 picture without its metadata ({:.1f} KiB)", kibibytes),
                message("{} pictures without their metadata ({:.1f} KiB)", leaving.pictures, kibibytes)));
  }
  if (leaving.files > 0) {
    add(counted(leaving.files, message("1 file as it is ({:.1f} KiB)", kibibytes),
                message("{} files as they are ({:.1f} KiB)", leaving.files, kibibytes)));
  }
  if (leaving.addresses > 0) {
    add(counted(leaving.addresses, message("1 web address"), message("{} web addresses", leaving.addresses)));
  }
  add(message("{} bytes of text", leaving.text_bytes));
  std::string text = calls > 1 ? message("{} times to {}, such as {}", calls, leaving.host, what)
                               : message("to {}: {}", leaving.host, what);
  if (leaving.most_cost) {
    text += message("; costs at most {:.4f} {}", *leaving.most_cost * static_cast<double>(calls), leaving.currency);
  } else {
    text += message("; what it costs is not known (no price in {})", display(PriceTable::default_path()));
  }
  return text;
}

}  // namespace gaze
