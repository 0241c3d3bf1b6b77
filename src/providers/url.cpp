#include "providers/url.h"

#include <algorithm>
#include <cctype>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"

namespace gaze {
namespace {

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* value = nullptr;
  if (curl_url_get(url, which, &value, flags) != CURLUE_OK) return {};
  std::string text = value;
  curl_free(value);
  return text;
}

Handle parse(const std::string& text) {
  Handle url(curl_url(), curl_url_cleanup);
  if (!url || text.find('\0') != std::string::npos ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    throw Error(ErrorCode::usage, message("not a web address: {}", to_valid_utf8(text.substr(0, 200))));
  }
  return url;
}

}  // namespace

Url::Url(const std::string& text) {
  const Handle url = parse(text);
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  scheme_ = part(url.get(), CURLUPART_SCHEME);
  host_ = part(url.get(), CURLUPART_HOST);
  std::transform(host_.begin(), host_.end(), host_.begin(), [](unsigned char c) { return std::tolower(c); });
  if ((scheme_ != "http" && scheme_ != "https") || host_.empty()) {
    throw Error(ErrorCode::usage, message("not a web address: {}", to_valid_utf8(text.substr(0, 200))));
  }
  if (!part(url.get(), CURLUPART_USER).empty() || !part(url.get(), CURLUPART_PASSWORD).empty()) {
    throw Error(ErrorCode::usage, message("a web address must not carry a user name or password (host {})", host_));
  }
  text_ = part(url.get(), CURLUPART_URL);
  origin_ = fmt::format("{}://{}:{}", scheme_, host_, part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string Url::for_people() const {
  return text_.substr(0, text_.find('?'));
}

bool Url::is_loopback() const {
  const bool address = host_.find_first_not_of("0123456789.") == host_.npos;
  return host_ == "localhost" || host_ == "[::1]" || (address && host_.starts_with("127."));
}

Url Url::resolve(const std::string& location) const {
  const Handle url = parse(text_);
  if (location.find('\0') != std::string::npos ||
      curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK) {
    throw Error(ErrorCode::usage, message("not a web address: {}", to_valid_utf8(location.substr(0, 200))));
  }
  return Url(part(url.get(), CURLUPART_URL));
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || std::string_view("-._~").find(c) != std::string_view::npos || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace gaze
