#include "providers/http.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <future>
#include <mutex>
#include <span>
#include <utility>

#include <curl/curl.h>

#include "base/check.h"
#include "base/file.h"
#include "base/log.h"
#include "base/message.h"
#include "providers/body_reader.h"
#include "providers/encoding.h"

namespace gaze {
namespace {

// Loading libcurl with all that it brings takes ten milliseconds or so: pictures are prepared meanwhile.
const std::shared_future<CURLcode>& curl_ready() {
  static const std::shared_future<CURLcode> ready =
      std::async(std::launch::async, [] { return curl_global_init(CURL_GLOBAL_DEFAULT); }).share();
  return ready;
}

constexpr int kMostRedirects = 10;
constexpr std::int64_t kMostHeaderBytes = 256 * KiB;
constexpr int kPollMilliseconds = 50;  // how late a cancellation may be noticed

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// What libcurl's callbacks work on during one transfer. An exception waits here until libcurl has returned.
struct Transfer {
  const HttpRequest& request;
  const BodySink& sink;
  BodyReader reader;
  HttpResponse response;
  std::int64_t header_bytes = 0;
  std::exception_ptr failure{};
  std::chrono::steady_clock::time_point last_byte = std::chrono::steady_clock::now();

  template <class Action>
  std::size_t guarded(std::size_t failed, const Action& action) {
    last_byte = std::chrono::steady_clock::now();
    try {
      return action();
    } catch (...) {
      failure = std::current_exception();
      return failed;
    }
  }
};

std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  return transfer.guarded(0, [&]() -> std::size_t {
    const std::string_view line(data, size);
    transfer.header_bytes += static_cast<std::int64_t>(size);
    if (transfer.header_bytes > kMostHeaderBytes) {
      throw Error(ErrorCode::limit_exceeded,
                  message("the answer's headers are larger than {} bytes", kMostHeaderBytes));
    }
    if (line.starts_with("HTTP/")) {  // also after a 100 or a proxy's answer
      transfer.response.headers.clear();
      transfer.response.status = 0;
      const auto space = line.find(' ');
      if (space != line.npos) transfer.response.status = std::atoi(std::string(line.substr(space + 1, 3)).c_str());
    } else if (const auto colon = line.find(':'); colon != line.npos) {
      const auto trimmed = [](std::string_view text) {
        const auto first = text.find_first_not_of(" \t\r\n");
        if (first == text.npos) return std::string();
        return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
      };
      transfer.response.headers.push_back({trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1))});
    }
    return size;
  });
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  return transfer.guarded(CURL_WRITEFUNC_ERROR, [&] {
    if (transfer.sink && transfer.response.ok()) {
      transfer.sink(transfer.response, {data, size});
    } else {
      transfer.response.body.append(data, size);
      if (static_cast<std::int64_t>(transfer.response.body.size()) > transfer.request.answer_limit) {
        throw Error(ErrorCode::limit_exceeded,
                    message("{}: the answer is larger than {} bytes", Url(transfer.request.url).host(),
                            transfer.request.answer_limit));
      }
    }
    return size;
  });
}

std::size_t on_read(char* buffer, std::size_t, std::size_t room, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  return transfer.guarded(CURL_READFUNC_ABORT, [&] { return transfer.reader.read(buffer, room); });
}

int on_seek(void* self, curl_off_t offset, int origin) {
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
  static_cast<Transfer*>(self)->reader.rewind();
  return CURL_SEEKFUNC_OK;
}

[[noreturn]] void throw_transport_error(CURLcode code, const std::string& host, const char* detail) {
  const std::string why = to_valid_utf8(*detail ? detail : curl_easy_strerror(code));
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      throw TransportError(message("{}: no such host could be found", host),
                           message("check the address and whether this machine is online"), true);
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:  // of connecting; afterwards we watch ourselves
      throw TransportError(message("{}: no connection: {}", host, why),
                           message("check that the server runs, and the proxy settings (https_proxy, no_proxy)"), true);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      throw TransportError(message("{}: its certificate is not trusted: {}", host, why),
                           message("for an own certificate authority set SSL_CERT_FILE to its file"), false);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      throw TransportError(message("{}: the transfer failed: {}", host, why), {}, false);
    default:
      throw TransportError(message("{}: the transfer failed: {}", host, why), message("try again"), true);
  }
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  GAZE_CHECK(code == CURLE_OK || code == CURLE_UNKNOWN_OPTION || code == CURLE_NOT_BUILT_IN);
}

}  // namespace

std::vector<Secret> HttpRequest::secrets() const {
  std::vector<Secret> found;
  for (const HttpHeader& header : headers) {
    if (!header.secret.empty()) found.push_back(header.secret);
  }
  return found;
}

std::string HttpResponse::header(std::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (same_name(header.name, name)) return header.value;
  }
  return {};
}

TransportError::TransportError(std::string message, std::string hint, bool may_help_to_retry)
    : Error(ErrorCode::network, std::move(message), std::move(hint)), may_help_to_retry_(may_help_to_retry) {}

HttpOptions http_options_from_environment() {
  HttpOptions options;
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"}) {
    if (const char* value = std::getenv(name); value && *value) {
      options.ca_file = value;
      break;
    }
  }
  return options;
}

// An easy handle inside a multi handle of its own: the multi keeps the connection and lets us look up every 50 ms.
struct HttpClient::Connection {
  CURL* easy = curl_easy_init();
  CURLM* multi = curl_multi_init();

  Connection() { GAZE_CHECK(easy && multi); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
};

struct HttpClient::Impl {
  HttpOptions options;
  std::mutex mutex;
  std::vector<std::unique_ptr<Connection>> idle;

  std::unique_ptr<Connection> take() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return std::make_unique<Connection>();
    auto connection = std::move(idle.back());
    idle.pop_back();
    return connection;
  }
  void give_back(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(connection));
  }

  // `secrets`: what must not be seen of the address.
  HttpResponse transfer(Connection& connection, const HttpRequest& request, std::span<const Secret> secrets,
                        const CancelToken& cancel, const BodySink& sink, std::span<const HttpHeader> more);
};

HttpResponse HttpClient::Impl::transfer(Connection& connection, const HttpRequest& request,
                                        std::span<const Secret> secrets, const CancelToken& cancel,
                                        const BodySink& sink, std::span<const HttpHeader> more) {
  const Url url(request.url);
  log_detail(request.method + " " + redact(url.for_people(), secrets));
  Transfer transfer{request, sink, BodyReader(request.body), {}};
  transfer.response.url = url.text();
  char detail[CURL_ERROR_SIZE] = "";

  CURL* easy = connection.easy;
  curl_easy_reset(easy);
  set(easy, CURLOPT_URL, url.text().c_str());
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_QUICK_EXIT, 1L);  // a cancelled request does not wait for a slow name server
  set(easy, CURLOPT_ERRORBUFFER, detail);
  set(easy, CURLOPT_USERAGENT, "gaze/0.1");
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(easy, CURLOPT_HEADERFUNCTION, on_header);
  set(easy, CURLOPT_HEADERDATA, &transfer);
  set(easy, CURLOPT_WRITEFUNCTION, on_body);
  set(easy, CURLOPT_WRITEDATA, &transfer);
  if (!options.ca_file.empty()) set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.proxy.empty()) set(easy, CURLOPT_PROXY, options.proxy.c_str());

  set(easy, CURLOPT_HTTPGET, 1L);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    set(easy, CURLOPT_POST, 1L);
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.reader.size()));
    set(easy, CURLOPT_READFUNCTION, on_read);
    set(easy, CURLOPT_READDATA, &transfer);
    set(easy, CURLOPT_SEEKFUNCTION, on_seek);
    set(easy, CURLOPT_SEEKDATA, &transfer);
    set(easy, CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(512 * KiB));
  }
  if (request.method == "HEAD") set(easy, CURLOPT_NOBODY, 1L);
  set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());

  // First: no waiting for a 100 that many servers never send.
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(curl_slist_append(nullptr, "Expect:"),
                                                                            curl_slist_free_all);
  for (const std::span<const HttpHeader> own : {std::span(request.headers), more}) {
    for (const HttpHeader& header : own) {
      const std::string line = header.name + ": " + header.value;
      if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
        throw Error(ErrorCode::usage, message("the value for the header {} has a line break in it", header.name),
                    message("look at the key: it must be one line"));
      }
      curl_slist_append(headers.get(), line.c_str());
    }
  }
  set(easy, CURLOPT_HTTPHEADER, headers.get());

  // Whatever happens, the easy handle leaves the multi before the transfer's state is gone.
  curl_multi_add_handle(connection.multi, easy);
  const auto leave = [&](CURL* handle) { curl_multi_remove_handle(connection.multi, handle); };
  const std::unique_ptr<CURL, decltype(leave)> inside(easy, leave);
  int running = 1;
  while (true) {
    GAZE_CHECK(curl_multi_perform(connection.multi, &running) == CURLM_OK);
    if (running == 0) break;
    cancel.check();
    curl_multi_poll(connection.multi, nullptr, 0, kPollMilliseconds, nullptr);
    cancel.check();
    if (std::chrono::steady_clock::now() - transfer.last_byte > options.idle_timeout) {
      throw TransportError(message("{}: not a byte for {} s", url.host(), options.idle_timeout.count() / 1000),
                           message("try again later"), true);
    }
  }

  CURLcode result = CURLE_OK;
  int left = 0;
  while (const CURLMsg* note = curl_multi_info_read(connection.multi, &left)) {
    if (note->msg == CURLMSG_DONE) result = note->data.result;
  }
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (result != CURLE_OK) throw_transport_error(result, url.host(), detail);
  return std::move(transfer.response);
}

HttpClient::HttpClient(HttpOptions options) : impl_(std::make_unique<Impl>()) {
  curl_ready();
  impl_->options = std::move(options);
}

// A program that ends at once must not meet OpenSSL's clean-up with its initialisation still running.
HttpClient::~HttpClient() {
  curl_ready().wait();
}

HttpResponse HttpClient::send(const HttpRequest& request, const CancelToken& cancel, const BodySink& sink,
                              std::span<const HttpHeader> more) {
  cancel.check();
  GAZE_CHECK(curl_ready().get() == CURLE_OK);
  auto connection = impl_->take();
  const std::vector<Secret> secrets = request.secrets();  // we may be sent on to an address with the key in it
  const HttpRequest* asked = &request;
  HttpRequest redirected;
  for (int redirect = 0; redirect <= kMostRedirects; ++redirect) {
    HttpResponse response =
        impl_->transfer(*connection, *asked, secrets, cancel, sink, more);  // a failed one is not reused
    const std::string location = response.header("location");
    const bool moved = response.status == 301 || response.status == 302 || response.status == 303 ||
                       response.status == 307 || response.status == 308;
    if (!moved || location.empty()) {
      impl_->give_back(std::move(connection));
      return response;
    }

    if (asked != &redirected) {
      redirected = request;
      asked = &redirected;
    }
    const Url from(redirected.url);
    const Url to = from.resolve(location);
    if (from.scheme() == "https" && to.scheme() == "http") {
      throw Error(ErrorCode::network, message("{}: sent us on to the unprotected address {}", from.host(),
                                              redact(to.for_people(), secrets)));
    }
    if (to.origin() != from.origin()) {
      if (request.redirects == Redirects::same_origin) {
        throw Error(ErrorCode::network,
                    message("{}: sent us on to another host, {}", from.host(), redact(to.host(), secrets)),
                    message("nothing was sent there; if that is right, give that address yourself"));
      }
      std::erase_if(redirected.headers, [](const HttpHeader& header) { return !header.secret.empty(); });
    }
    if (response.status <= 303 && redirected.method != "GET" && redirected.method != "HEAD") {
      redirected.method = "GET";
      redirected.body.clear();
      std::erase_if(redirected.headers,
                    [](const HttpHeader& header) { return same_name(header.name, "content-type"); });
    }
    redirected.url = to.text();
  }
  throw Error(ErrorCode::network, message("{}: more than {} redirects", Url(request.url).host(), kMostRedirects));
}

OrderedJson describe(const HttpRequest& request) {
  OrderedJson headers = OrderedJson::object();
  bool is_json = false;
  for (const HttpHeader& header : request.headers) {
    headers[header.name] = redact(header.value, std::span(&header.secret, 1));
    if (same_name(header.name, "content-type")) is_json = header.value.starts_with("application/json");
  }
  OrderedJson body = nullptr;
  if (is_json && !request.body.empty()) {
    std::string text;
    for (const BodyPiece& piece : request.body) text += std::get<std::string>(piece);
    body = OrderedJson::parse(text);
  } else if (!request.body.empty()) {
    body = OrderedJson::array();
    for (const BodyPiece& piece : request.body) {
      if (const auto* file = std::get_if<FilePiece>(&piece)) {
        body.push_back({{"file", display(file->path)}, {"offset", file->offset}, {"length", file->length}});
      } else {
        const auto& text = std::get<std::string>(piece);
        std::string shown = to_valid_utf8(text);
        if (shown == text) {
          body.push_back(std::move(shown));
        } else {
          body.push_back({{"base64", base64_encode(std::as_bytes(std::span(text)))}});
        }
      }
    }
  }
  return {{"method", request.method}, {"url", request.url}, {"headers", headers}, {"body", body}};
}

}  // namespace gaze
