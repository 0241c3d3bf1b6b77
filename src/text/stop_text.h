// An answer's text up to where one of some texts begins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gaze {

// One answer. Not thread-safe. Without stops it passes everything on at once.
class StopText {
 public:
  explicit StopText(std::vector<std::string> stops);  // none of them empty

  // What of the text so far is certain to stand before a stop and was not returned yet: whole characters, where pushes
  // are. "" after a stop.
  std::string push(std::string_view text);
  // What was held back because a stop could have begun with it; "" after a stop.
  std::string finish();

  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace gaze
