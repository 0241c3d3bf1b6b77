// A small HTTP client over libcurl: one request, its answer whole or streamed, cancelled within 200 ms.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "providers/redact.h"
#include "providers/url.h"

namespace gaze {

struct HttpHeader {
  std::string name;
  std::string value;
  Secret secret{};  // the part of `value` that must not be seen; such a header goes to the request's own origin alone
};

// A stretch of a file, read from disk while it is sent, never held in memory whole.
struct FilePiece {
  std::filesystem::path path;
  std::int64_t offset = 0;
  std::int64_t length = 0;
};
using BodyPiece = std::variant<std::string, FilePiece>;

enum class Redirects {
  same_origin,              // services: pictures and keys go where the user sent them, or nowhere
  anywhere_without_secrets  // downloads: hubs answer with the address of a storage host
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<HttpHeader> headers;
  std::vector<BodyPiece> body;
  Redirects redirects = Redirects::same_origin;
  std::int64_t answer_limit = 256 * MiB;  // of an answer that is not streamed

  std::vector<Secret> secrets() const;
};

struct HttpResponse {
  int status = 0;
  std::string url;  // after redirects
  std::vector<HttpHeader> headers;
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
  std::string header(std::string_view name) const;  // empty where absent; names compare without case
};

// Receives the body of a 2xx answer piece by piece; `head` has status and headers. May throw: the transfer then ends
// and `send` throws the same.
using BodySink = std::function<void(const HttpResponse& head, std::string_view bytes)>;

struct HttpOptions {
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{300'000};  // without a byte in either direction: models may think for long
  std::string ca_file;                              // empty: the system's certificates
  std::string proxy;                                // empty: http_proxy, https_proxy, all_proxy, no_proxy as usual
};

// ca_file from SSL_CERT_FILE or CURL_CA_BUNDLE.
HttpOptions http_options_from_environment();

// The transfer failed below HTTP: no connection, broken off, no byte for too long.
class TransportError : public Error {
 public:
  TransportError(std::string message, std::string hint, bool may_help_to_retry);
  bool may_help_to_retry() const { return may_help_to_retry_; }

 private:
  bool may_help_to_retry_;
};

// Keeps connections open between requests. Thread-safe: each request under way has a connection of its own.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options = http_options_from_environment());
  ~HttpClient();

  // Sends once (no retries; providers/retry.h) and follows redirects. An answer of any status is returned.
  // Errors: TransportError (network), network (redirects that lead nowhere good), limit_exceeded (answer too large),
  // cancelled, not_found (a FilePiece's file), usage (a bad address).
  // `more`: headers without secrets, sent with the request's own.
  HttpResponse send(const HttpRequest& request, const CancelToken& cancel, const BodySink& sink = {},
                    std::span<const HttpHeader> more = {});

 private:
  struct Connection;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What `--dry-run` prints: {"method","url","headers","body"}, secrets masked. A JSON body as JSON; other bodies as a
// list of their pieces, text as it is, other bytes in base64, files by name and length.
OrderedJson describe(const HttpRequest& request);

}  // namespace gaze
