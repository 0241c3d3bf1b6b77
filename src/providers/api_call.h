// A call of a service that speaks JSON: retries, streamed events, and its errors as ours.
#pragma once

#include <functional>
#include <string>

#include "base/json.h"
#include "providers/http.h"
#include "providers/retry.h"
#include "providers/sse.h"

namespace gaze {

// What a service said went wrong, in our codes: 401/403 unauthorized, 404 model_not_found, 413/429 limit_exceeded,
// 408/5xx network, a picture it cannot read bad_image, what else is wrong with the request usage. Its own words are
// quoted, keys masked. `service` is for people: "OpenAI", a host.
Error service_error(const std::string& service, const HttpResponse& response, const HttpRequest& request);

// The same for an error object inside a stream that began well.
Error service_error(const std::string& service, const Json& error, const HttpRequest& request);

class ApiCaller {
 public:
  ApiCaller(std::string service, HttpClient& http, RetryPolicy policy = {})
      : service_(std::move(service)), http_(http), policy_(policy) {}

  // Any 2xx answer; others are thrown as service_error.
  HttpResponse call(const HttpRequest& request, const CancelToken& cancel) const;

  // The same, the answer's body as JSON. Errors: invalid_json.
  Json call_json(const HttpRequest& request, const CancelToken& cancel) const;

  // Streams server-sent events to `on_event`. An answer that is not an event stream is handed over as one event.
  void stream(const HttpRequest& request, const CancelToken& cancel, const SseParser::Handler& on_event) const;

  const std::string& service() const { return service_; }

 private:
  std::string service_;
  HttpClient& http_;
  RetryPolicy policy_;
};

// An empty object that takes some fields without growing: to grow is to copy all that is in it, pictures too.
OrderedJson roomy_object();

// A POST of `body` as JSON. Move a body with pictures in it: they then become the request's without a copy.
HttpRequest json_request(std::string url, std::vector<HttpHeader> headers, OrderedJson body);

// A string, number or object field, or nothing, whatever the service sent in its place.
std::string text_at(const Json& object, const char* key);
std::int64_t count_at(const Json& object, const char* key);
const Json& object_at(const Json& object, const char* key);

}  // namespace gaze
