#include "providers/retry.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>
#include <thread>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/log.h"
#include "base/message.h"

namespace gaze {
namespace {

using std::chrono::milliseconds;

double random_unit() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

bool may_retry(const HttpResponse& response) {
  const std::string said = response.header("x-should-retry");
  if (said == "true") return true;
  if (said == "false") return false;
  const int status = response.status;
  return status == 408 || status == 409 || status == 429 || status >= 500;
}

// Doubling from the first wait, a random quarter off, so that many clients do not come back at once.
milliseconds own_wait(const RetryPolicy& policy, int attempt) {
  const double wait = static_cast<double>(policy.first_wait.count()) * std::pow(2.0, attempt);
  const double capped = std::min(wait, static_cast<double>(policy.longest_wait.count()));
  return milliseconds(static_cast<std::int64_t>(capped * (1.0 - 0.25 * random_unit())));
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || !std::isfinite(value) || value < 0) return {};
  return std::min(value, 1e9);
}

}  // namespace

std::optional<milliseconds> asked_wait(const HttpResponse& response) {
  if (const auto value = number(response.header("retry-after-ms")))
    return milliseconds(static_cast<std::int64_t>(*value));
  const std::string text = response.header("retry-after");
  if (const auto seconds = number(text)) return milliseconds(static_cast<std::int64_t>(*seconds * 1000));
  if (text.empty()) return {};
  const time_t then = curl_getdate(text.c_str(), nullptr);
  if (then < 0) return {};
  return milliseconds(std::max<std::int64_t>(0, then - std::time(nullptr)) * 1000);
}

void wait_for(milliseconds duration, const CancelToken& cancel) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
    cancel.check();
    std::this_thread::sleep_for(
        std::min<std::chrono::nanoseconds>(milliseconds(50), end - std::chrono::steady_clock::now()));
  }
  cancel.check();
}

std::string random_uuid() {
  std::random_device device;
  std::uint32_t part[4];
  for (auto& value : part) value = device();
  part[1] = (part[1] & 0xFFFF0FFFu) | 0x00004000u;  // version 4
  part[2] = (part[2] & 0x3FFFFFFFu) | 0x80000000u;  // RFC 4122 variant
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", part[0], part[1] >> 16, part[1] & 0xFFFF,
                     part[2] >> 16, part[2] & 0xFFFF, part[3]);
}

HttpResponse send_with_retries(HttpClient& client, const HttpRequest& request, const RetryPolicy& policy,
                               const CancelToken& cancel, const BodySink& sink) {
  std::vector<HttpHeader> more;
  if (request.method == "POST") more.push_back({"Idempotency-Key", random_uuid()});
  const std::string host = Url(request.url).host();
  bool delivered = false;
  const BodySink watched = [&](const HttpResponse& head, std::string_view bytes) {
    delivered = true;
    sink(head, bytes);
  };
  for (int attempt = 0;; ++attempt) {
    const bool last = attempt >= policy.retries;
    milliseconds wait = own_wait(policy, attempt);
    try {
      HttpResponse response = client.send(request, cancel, sink ? watched : BodySink(), more);
      if (response.ok() || last || !may_retry(response)) return response;
      if (const auto asked = asked_wait(response)) {
        if (*asked > policy.longest_asked) return response;
        wait = *asked;
      }
      log_detail(message("{}: status {}, trying again in {} ms", host, response.status, wait.count()));
    } catch (const TransportError& error) {
      if (last || delivered || !error.may_help_to_retry()) throw;
      log_detail(message("{}; trying again in {} ms", error.message(), wait.count()));
    }
    wait_for(wait, cancel);
  }
}

}  // namespace gaze
