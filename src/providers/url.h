// The parts of an http(s) address that decide who may see what.
#pragma once

#include <string>
#include <string_view>

namespace gaze {

// An http or https address, checked and normalised as libcurl's parser does (RFC 3986).
// Errors: usage (malformed, another scheme, a user name or password inside).
class Url {
 public:
  explicit Url(const std::string& text);

  const std::string& text() const { return text_; }      // with path and query, without fragment
  const std::string& scheme() const { return scheme_; }  // "http" or "https"
  const std::string& host() const { return host_; }      // lower case
  const std::string& origin() const { return origin_; }  // scheme://host:port: who receives a key
  std::string for_people() const;                        // without the query, which may carry signatures

  // Whether the host is this machine (localhost, 127.0.0.0/8, ::1).
  bool is_loopback() const;

  // Where `location` (absolute or relative) leads from here. Errors as the constructor.
  Url resolve(const std::string& location) const;

 private:
  std::string text_, scheme_, host_, origin_;
};

// `text` with everything but letters, digits and -._~ as %XX; `keep` names further characters that stay.
std::string percent_encode(std::string_view text, std::string_view keep = {});

}  // namespace gaze
