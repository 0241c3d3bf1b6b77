#include "providers/spending.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/message.h"
#include "providers/api_call.h"

namespace gaze {
namespace {

constexpr std::int64_t kTokensOfAPicture = 1'600;
constexpr std::int64_t kLeastBytesOfASecond = 2'000, kTokensOfASecond = 32;
constexpr std::int64_t kMostLedgerBytes = 256 * MiB;

std::filesystem::path folder_of(const char* variable, const char* below_home) {
  const char* value = std::getenv(variable);
  const char* home = std::getenv("HOME");
  const auto base =
      value && *value ? std::filesystem::path(value) : std::filesystem::path(home ? home : "") / below_home;
  return base / "gaze";
}

std::optional<double> amount_at(const Json& object, const char* key, const std::string& origin) {
  if (!object.contains(key)) return {};
  const Json& value = object[key];
  if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < 0) {
    throw Error(ErrorCode::invalid_json, message("{}: {} must be a number that is not negative", origin, key));
  }
  return value.get<double>();
}

std::string time_text(std::time_t now) {
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace

std::filesystem::path PriceTable::default_path() {
  return folder_of("XDG_CONFIG_HOME", ".config") / "prices.json";
}

PriceTable PriceTable::load(const std::filesystem::path& path) {
  PriceTable table;
  std::error_code fault;
  if (!std::filesystem::exists(path, fault)) return table;
  const std::string origin = display(path);
  const Json json = read_json_file(path);
  if (const std::string currency = text_at(json, "currency"); !currency.empty()) table.currency = currency;
  const Json& caps = object_at(json, "caps");
  table.cap_day = amount_at(caps, "day", origin);
  table.cap_month = amount_at(caps, "month", origin);
  table.cap_year = amount_at(caps, "year", origin);
  for (const auto& [model, price] : object_at(json, "prices").items()) {
    table.prices[model] = {amount_at(price, "input", origin).value_or(0),
                           amount_at(price, "output", origin).value_or(0), amount_at(price, "image", origin),
                           amount_at(price, "minute", origin)};
  }
  return table;
}

Usage estimate_usage(const ChatRequest& request) {
  // A token is at least one byte of English and about two of Chinese; counting bytes can only be too careful.
  Usage usage{static_cast<std::int64_t>(request.system.size()), request.max_tokens};
  for (const ChatMessage& message : request.messages) {
    for (const Part& part : message.parts) {
      if (const auto* text = std::get_if<TextPart>(&part)) {
        usage.prompt_tokens += static_cast<std::int64_t>(text->text.size());
      } else if (const auto* file = std::get_if<FilePart>(&part); file && file->mime_type.starts_with("audio/")) {
        std::error_code ignored;
        const auto size = std::filesystem::file_size(file->path, ignored);
        const std::int64_t seconds = ignored ? 0 : static_cast<std::int64_t>(size) / kLeastBytesOfASecond + 1;
        usage.prompt_tokens += seconds * kTokensOfASecond;
        usage.seconds += static_cast<double>(seconds);
      } else {
        usage.prompt_tokens += kTokensOfAPicture;
      }
    }
  }
  return usage;
}

std::filesystem::path SpendingAccount::default_ledger() {
  return folder_of("XDG_DATA_HOME", ".local/share") / "spending.jsonl";
}

SpendingAccount::Reservation::~Reservation() {
  const std::lock_guard lock(account_.mutex_);
  account_.reserved_ -= amount_;
}

std::optional<double> SpendingAccount::cost(const std::string& model, const Usage& usage) const {
  const auto found = table_.prices.find(model);
  if (found == table_.prices.end()) return {};
  const Price& price = found->second;
  return (static_cast<double>(usage.prompt_tokens) * price.input +
          static_cast<double>(usage.completion_tokens) * price.output) /
             1e6 +
         usage.seconds / 60 * price.minute.value_or(0);
}

std::optional<double> SpendingAccount::cost_of_images(const std::string& model, int count) const {
  const auto found = table_.prices.find(model);
  if (found == table_.prices.end() || !found->second.image) return {};
  return *found->second.image * count;
}

SpendingAccount::Reservation SpendingAccount::reserve(const std::string& model, std::optional<double> expected) {
  const std::lock_guard lock(mutex_);
  if (table_.has_caps()) {
    if (!expected) {
      throw Error(ErrorCode::usage, message("there is a spending cap, and no price for {}", model),
                  message("add its price to {}", display(PriceTable::default_path())));
    }
    const Spent so_far = spent(std::time(nullptr));
    const auto check = [&](const std::optional<double>& cap, double amount, const std::string& period) {
      if (!cap || amount + reserved_ + *expected <= *cap) return;
      throw Error(ErrorCode::limit_exceeded,
                  message("the spending cap of {:.2f} {} a {} would be passed: {:.4f} spent, this may cost {:.4f}",
                          *cap, table_.currency, period, amount + reserved_, *expected),
                  message("raise the cap in {}, or wait", display(PriceTable::default_path())));
    };
    check(table_.cap_day, so_far.day, message("day"));
    check(table_.cap_month, so_far.month, message("month"));
    check(table_.cap_year, so_far.year, message("year"));
  }
  reserved_ += expected.value_or(0);
  return {*this, expected.value_or(0)};
}

void SpendingAccount::record(const std::string& model, const Usage& usage) {
  OrderedJson entry{
      {"model", model}, {"prompt_tokens", usage.prompt_tokens}, {"completion_tokens", usage.completion_tokens}};
  if (usage.seconds > 0) entry["seconds"] = usage.seconds;
  append(std::move(entry), cost(model, usage).value_or(0));
}

void SpendingAccount::record_images(const std::string& model, int count) {
  append({{"model", model}, {"images", count}}, cost_of_images(model, count).value_or(0));
}

void SpendingAccount::append(OrderedJson entry, double cost) {
  entry["time"] = time_text(std::time(nullptr));
  entry["cost"] = cost;
  const std::string line = dump_json(entry) + '\n';
  std::error_code fault;
  std::filesystem::create_directories(ledger_.parent_path(), fault);
  const int file = ::open(ledger_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const bool written = file >= 0 && ::flock(file, LOCK_EX) == 0 &&
                       ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int cause = errno;
  if (file >= 0) ::close(file);
  if (written) return;
  throw Error(no_room_left(cause) ? ErrorCode::disk_full : ErrorCode::not_found,
              message("{}: cannot be written: {}", display(ledger_), std::generic_category().message(cause)));
}

SpendingAccount::Spent SpendingAccount::spent(std::time_t now) const {
  Spent sum;
  std::error_code fault;
  if (!std::filesystem::exists(ledger_, fault)) return sum;
  const std::string today = time_text(now).substr(0, 10);
  std::istringstream lines(read_text_file(ledger_, kMostLedgerBytes));
  for (std::string line; std::getline(lines, line);) {
    try {
      const Json entry = parse_json(line, display(ledger_));
      const std::string time = text_at(entry, "time");
      const double cost = amount_at(entry, "cost", display(ledger_)).value_or(0);
      if (time.starts_with(today)) sum.day += cost;
      if (time.starts_with(today.substr(0, 7))) sum.month += cost;
      if (time.starts_with(today.substr(0, 4))) sum.year += cost;
    } catch (const Error&) {
      continue;  // the half of a line that a full disk left
    }
  }
  return sum;
}

}  // namespace gaze
