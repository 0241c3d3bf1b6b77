#include "cli/commands/remote.h"

#include "base/message.h"
#include "tasks/remote_access.h"

namespace gaze::cli {
namespace {

constexpr std::size_t kLongString = 200;  // bytes of a string that people see whole

void cut_long_strings(OrderedJson& value) {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    if (text.size() > kLongString && text.find(' ') == std::string::npos) {
      text = text.substr(0, 60) + message("… ({} bytes)", text.size());
    }
  } else if (value.is_structured()) {
    for (auto& item : value) cut_long_strings(item);
  }
}

}  // namespace

Option no_cache_option() {
  return flag("no-cache", message("ask again, even where the answer to the same question is kept"));
}

Option dry_run_option() {
  return flag("dry-run", message("show what would be sent, the key masked, and send nothing"));
}

Option route_option() {
  return text("route", "MODEL", message("ask this remote model where the one here fails or is not sure"));
}

std::string route_of(const Settings& settings) {
  std::string route = settings.text("route");
  if (!route.empty() && !is_remote_model(route)) {
    throw Error(ErrorCode::usage, message("--route takes a remote model"),
                message("for example {}", "--route openai:gpt-4o"));
  }
  return route;
}

bool helps_to_ask_elsewhere(const Error& error) {
  const ErrorCode code = error.code();
  return code != ErrorCode::not_found && code != ErrorCode::bad_image && code != ErrorCode::image_too_large &&
         code != ErrorCode::cancelled;
}

void print_request(Output& output, const OrderedJson& request) {
  if (output.json()) {
    output.document(request);
    return;
  }
  OrderedJson shown = request;
  cut_long_strings(shown);
  output.line(dump_json(shown, 2));
}

}  // namespace gaze::cli
