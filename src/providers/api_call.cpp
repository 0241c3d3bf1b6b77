#include "providers/api_call.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::size_t kMostQuoted = 600;  // bytes of a service's own words in an error

// Both services wrap it: OpenAI {"error":{"message","type","param","code"}}, Gemini {"error":{"code","message",
// "status","details":[{"reason"}]}}, sometimes inside a list; compatible servers also {"error":"…"}, {"detail":"…"}
// and {"message":"…"}.
struct ServiceFault {
  std::string words;
  std::string kinds;  // every code-like word, for looking up
};

ServiceFault read_fault(const Json& whole) {
  const Json& answer = whole.is_array() && !whole.empty() ? whole.front() : whole;
  ServiceFault fault;
  const Json& error = answer.is_object() && answer.contains("error") ? answer["error"] : answer;
  if (error.is_string()) fault.words = error.get<std::string>();
  for (const char* key : {"message", "detail"}) {
    if (fault.words.empty()) fault.words = text_at(error, key);
  }
  for (const char* key : {"type", "code", "status"}) fault.kinds += text_at(error, key) + ' ';
  if (error.is_object() && error.contains("details") && error["details"].is_array()) {
    for (const Json& detail : error["details"]) fault.kinds += text_at(detail, "reason") + ' ';
  }
  return fault;
}

Error make_error(const std::string& service, int status, const ServiceFault& fault, const HttpRequest& request) {
  const auto is = [&](std::string_view kind) { return fault.kinds.find(kind) != std::string::npos; };
  const std::string words = redact(to_valid_utf8(fault.words.substr(0, kMostQuoted)), request.secrets());
  const std::string quoted = words.empty() ? message("no reason given") : words;

  if (status == 401 || status == 403 || is("API_KEY_INVALID") || is("invalid_api_key") || is("UNAUTHENTICATED")) {
    return {ErrorCode::unauthorized, message("{} refused the key ({}): {}", service, status, quoted),
            message("check that the key is right and may use this model")};
  }
  if (is("insufficient_quota")) {
    return {ErrorCode::limit_exceeded, message("{}: the account's quota is used up: {}", service, quoted),
            message("look at the plan and billing of the account")};
  }
  if (status == 429 || is("rate_limit") || is("RESOURCE_EXHAUSTED")) {
    return {ErrorCode::limit_exceeded, message("{}: too many requests: {}", service, quoted),
            message("wait a little, or ask for fewer at once")};
  }
  if (status == 413 || is("context_length_exceeded") || is("string_above_max_length")) {
    return {ErrorCode::limit_exceeded, message("{}: the request is too large: {}", service, quoted),
            message("send fewer or smaller pictures, or less text")};
  }
  if (status == 404 || is("model_not_found") || is("NOT_FOUND") || is("DeploymentNotFound")) {
    return {ErrorCode::model_not_found, message("{} does not know this model or address: {}", service, quoted),
            message("check the model's name and the server's address")};
  }
  if (is("invalid_image") || is("image_parse_error") || is("unsupported_image")) {
    return {ErrorCode::bad_image, message("{} cannot read the picture: {}", service, quoted)};
  }
  if (is("content_policy_violation") || is("content_filter") || is("moderation_blocked")) {
    return {ErrorCode::usage, message("{} blocked this request by its safety rules: {}", service, quoted)};
  }
  if (status == 408 || status >= 500 || is("server_error") || is("UNAVAILABLE") || is("INTERNAL")) {
    return {ErrorCode::network, message("{} has a problem ({}): {}", service, status, quoted),
            message("try again later")};
  }
  return {ErrorCode::usage, message("{} refused the request ({}): {}", service, status, quoted)};
}

constexpr std::size_t kLongText = 64 * KiB;

// Whether a string stands in JSON as it is: a picture in base64 does. Loops that compilers make vectors of; nlohmann's
// dump walks text as UTF-8, byte by byte.
bool is_plain(const std::string& text) {
  unsigned char least = 0xFF, most = 0;
  for (const char c : text) {
    least = std::min(least, static_cast<unsigned char>(c));
    most = std::max(most, static_cast<unsigned char>(c));
  }
  return least >= 0x20 && most < 0x7F && text.find('"') == std::string::npos && text.find('\\') == std::string::npos;
}

// Writes `value` behind the last of `pieces`, a text. Long plain strings are moved out of it to be pieces themselves.
void write_json(OrderedJson& value, std::vector<BodyPiece>& pieces) {
  const auto write = [&](const std::string& text) { std::get<std::string>(pieces.back()) += text; };
  if (value.is_object() || value.is_array()) {
    std::string separator = value.is_object() ? "{" : "[";
    if (value.empty()) write(separator);
    for (auto& item : value.items()) {
      write(separator);
      separator = ",";
      if (value.is_object()) write(dump_json(item.key()) + ':');
      write_json(item.value(), pieces);
    }
    write(value.is_object() ? "}" : "]");
  } else if (value.is_string() && value.get_ref<std::string&>().size() >= kLongText &&
             is_plain(value.get_ref<std::string&>())) {
    write("\"");
    pieces.emplace_back(std::move(value.get_ref<std::string&>()));
    pieces.emplace_back("\"");
  } else {
    write(dump_json(value));
  }
}

}  // namespace

Error service_error(const std::string& service, const HttpResponse& response, const HttpRequest& request) {
  ServiceFault fault;
  try {
    fault = read_fault(parse_json(response.body, service));
  } catch (const Error&) {  // a proxy's page, or nothing: its first words say more than none
    fault.words = response.body.substr(0, 200);
  }
  return make_error(service, response.status, fault, request);
}

Error service_error(const std::string& service, const Json& error, const HttpRequest& request) {
  const Json& inner = error.is_object() && error.contains("error") ? error["error"] : error;
  const auto status = static_cast<int>(count_at(inner, "code"));
  return make_error(service, status, read_fault(error), request);
}

HttpResponse ApiCaller::call(const HttpRequest& request, const CancelToken& cancel) const {
  HttpResponse response = send_with_retries(http_, request, policy_, cancel);
  if (!response.ok()) throw service_error(service_, response, request);
  return response;
}

Json ApiCaller::call_json(const HttpRequest& request, const CancelToken& cancel) const {
  return parse_json(call(request, cancel).body, service_);
}

void ApiCaller::stream(const HttpRequest& request, const CancelToken& cancel,
                       const SseParser::Handler& on_event) const {
  SseParser parser(on_event);
  std::string plain;
  const HttpResponse response =
      send_with_retries(http_, request, policy_, cancel, [&](const HttpResponse& head, std::string_view bytes) {
        if (head.header("content-type").starts_with("application/json")) {
          plain.append(bytes);
          if (static_cast<std::int64_t>(plain.size()) > request.answer_limit) {
            throw Error(ErrorCode::limit_exceeded,
                        message("{}: the answer is larger than {} bytes", service_, request.answer_limit));
          }
        } else {
          parser.feed(bytes);
        }
      });
  if (!response.ok()) throw service_error(service_, response, request);
  if (!plain.empty()) on_event({"", plain});
}

OrderedJson roomy_object() {
  constexpr std::size_t kFields = 16;
  OrderedJson object = OrderedJson::object();
  object.get_ref<OrderedJson::object_t&>().reserve(kFields);
  return object;
}

HttpRequest json_request(std::string url, std::vector<HttpHeader> headers, OrderedJson body) {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers = std::move(headers);
  request.headers.push_back({"Content-Type", "application/json"});
  request.body.emplace_back(std::string());
  write_json(body, request.body);
  return request;
}

std::string text_at(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t count_at(const Json& object, const char* key) {
  if (!object.is_object()) return 0;
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

const Json& object_at(const Json& object, const char* key) {
  static const Json nothing = Json::object();
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : nothing;
}

}  // namespace gaze
