#include "providers/url.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <string_view>

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

// An address that is its own normal form, as most are: https://name[:port][/path] of plain characters. To read it needs
// no libcurl, which takes milliseconds to load while there is other work.
struct PlainAddress {
  std::string_view host, port, path;
};

std::optional<PlainAddress> read_plain(std::string_view text) {
  constexpr std::string_view kOfHosts = "abcdefghijklmnopqrstuvwxyz0123456789-.", kDigits = "0123456789",
                             kOfPaths = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  const auto take = [&](std::string_view allowed) {
    const std::string_view taken = text.substr(0, std::min(text.find_first_not_of(allowed), text.size()));
    text.remove_prefix(taken.size());
    return taken;
  };
  if (!text.starts_with("http://") && !text.starts_with("https://")) return {};
  const bool secure = text.starts_with("https");
  text.remove_prefix(secure ? 8 : 7);
  PlainAddress address{.host = take(kOfHosts), .port = {}, .path = {}};
  const std::string_view last_label = address.host.substr(address.host.rfind('.') + 1);
  const bool name = !last_label.empty() && last_label[0] >= 'a';  // not an IPv4 address in one of its spellings
  if (!name && address.host != "127.0.0.1") return {};
  if (text.starts_with(':')) {
    text.remove_prefix(1);
    address.port = take(kDigits);
    const bool small = address.port.size() < 5 || (address.port.size() == 5 && address.port <= "65535");
    if (address.port.empty() || address.port[0] == '0' || !small) return {};
  }
  if (address.port == (secure ? "443" : "80")) return {};
  address.path = take(kOfPaths);
  const bool whole = text.empty() && (address.path.empty() || address.path[0] == '/');
  if (!whole || address.path.find("/.") != std::string_view::npos) return {};
  return address;
}

}  // namespace

Url::Url(const std::string& text) {
  if (const auto plain = read_plain(text)) {
    const bool secure = text.starts_with("https");
    scheme_ = secure ? "https" : "http";
    host_ = plain->host;
    text_ = plain->path.empty() ? text + '/' : text;
    origin_ = fmt::format("{}://{}:{}", scheme_, host_, plain->port.empty() ? (secure ? "443" : "80") : plain->port);
    return;
  }
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
