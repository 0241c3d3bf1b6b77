// pull_once ENDPOINT ID FOLDER: one pull, for the tests that kill it or fill its disk. Prints the error's code.
#include <cstdio>
#include <string>

#include "base/error.h"
#include "providers/hub.h"

int main(int count, char** arguments) {
  if (count != 4) return 2;
  using namespace gaze;
  try {
    const PullRequest request{.id = parse_hub_id(arguments[2]), .revision = "", .wanted = {}, .folder = arguments[3]};
    const HubSource source{HubKind::hugging_face, arguments[1], Secret()};
    const RetryPolicy retry{5, std::chrono::milliseconds(1), std::chrono::milliseconds(5),
                            std::chrono::milliseconds(1000)};
    pull(request, source, HttpOptions(), retry, CancelToken(), {});
    return 0;
  } catch (const Error& error) {
    std::printf("%s: %s\n", std::string(to_string(error.code())).c_str(), error.message().c_str());
    return 1;
  }
}
