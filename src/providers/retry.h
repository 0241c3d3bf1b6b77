// Trying again, politely: longer waits each time, with jitter, and as long as the service asks.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "providers/http.h"

namespace gaze {

struct RetryPolicy {
  int retries = 5;  // after the first try; more is never done
  std::chrono::milliseconds first_wait{500};
  std::chrono::milliseconds longest_wait{8'000};
  std::chrono::milliseconds longest_asked{120'000};  // a Retry-After beyond this is not waited for
};

// Sends, and again after 408, 409, 429, 5xx and failed connections. Not once the sink has received anything, not where
// the service says so (x-should-retry: false), not where its Retry-After is beyond the policy. POST carries one
// Idempotency-Key through all tries, so that a service that knows it charges once.
// Returns the last answer, of any status. Errors as HttpClient::send.
HttpResponse send_with_retries(HttpClient& client, const HttpRequest& request, const RetryPolicy& policy,
                               const CancelToken& cancel, const BodySink& sink = {});

// How long an answer asks to wait: retry-after-ms, or Retry-After in seconds or as an HTTP date (RFC 9110, 10.2.3).
std::optional<std::chrono::milliseconds> asked_wait(const HttpResponse& response);

// Sleeps, but not past a cancellation. Errors: cancelled.
void wait_for(std::chrono::milliseconds duration, const CancelToken& cancel);

// A random version 4 UUID.
std::string random_uuid();

}  // namespace gaze
