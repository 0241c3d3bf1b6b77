// What remote models cost: a table of prices that the person keeps, what was spent, and where it must stop.
#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "providers/remote_model.h"

namespace gaze {

// Money for a million tokens, for one picture that is made and for a minute of sound, in the table's own currency.
struct Price {
  double input = 0;
  double output = 0;
  std::optional<double> image, minute;
};

// $XDG_CONFIG_HOME/gaze/prices.json, written and edited by the person; a missing file is an empty table:
// {"currency": "USD", "caps": {"day": 1, "month": 10, "year": 50},
//  "prices": {"openai:gpt-4o": {"input": 2.5, "output": 10}, "openai:gpt-image-1": {"image": 0.07},
//             "openai:whisper-1": {"minute": 0.006}}}
struct PriceTable {
  std::string currency = "USD";
  std::optional<double> cap_day, cap_month, cap_year;
  std::map<std::string, Price> prices;  // by ModelSpec::text

  static std::filesystem::path default_path();
  // Errors: invalid_json (not such a table, a negative number; names the place).
  static PriceTable load(const std::filesystem::path& path);
  bool has_caps() const { return cap_day || cap_month || cap_year; }
};

// What a request may use at most: its words, 1,600 tokens for a picture (more than services count for one of 2,048 ×
// 768), all of max_tokens; of a sound file, a second for each 2,000 bytes (16 kbit/s, poorer than most speech is kept
// in) with 32 tokens each, as Gemini counts.
Usage estimate_usage(const ChatRequest& request);

// The account of what was spent: a file of one JSON line a call, appended under a lock. Thread-safe; several processes
// may share the file. What is under way in other processes is not known, so those may pass a cap by one call each.
class SpendingAccount {
 public:
  SpendingAccount(PriceTable table, std::filesystem::path ledger)
      : table_(std::move(table)), ledger_(std::move(ledger)) {}

  static std::filesystem::path default_ledger();  // $XDG_DATA_HOME/gaze/spending.jsonl

  // Money set aside for one call; given back when it ends.
  class Reservation {
   public:
    Reservation(SpendingAccount& account, double amount) : account_(account), amount_(amount) {}
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation();

   private:
    SpendingAccount& account_;
    const double amount_;
  };

  // Errors: limit_exceeded (the call may pass a cap: says which, what was spent and what it may cost), usage (there is
  // a cap and the table has no price for the model).
  Reservation reserve(const std::string& model, const Usage& estimate) { return reserve(model, cost(model, estimate)); }
  Reservation reserve_images(const std::string& model, int count) {
    return reserve(model, cost_of_images(model, count));
  }

  // Writes down what a call used. Errors: disk_full, not_found (the file cannot be written).
  void record(const std::string& model, const Usage& usage);
  void record_images(const std::string& model, int count);

  const std::string& currency() const { return table_.currency; }

  // Nothing where the table has no price for the model.
  std::optional<double> cost(const std::string& model, const Usage& usage) const;
  std::optional<double> cost_of_images(const std::string& model, int count) const;

  // Spent since the beginning of this day, month and year (UTC).
  struct Spent {
    double day = 0, month = 0, year = 0;
  };
  Spent spent(std::time_t now) const;

 private:
  Reservation reserve(const std::string& model, std::optional<double> expected);
  void append(OrderedJson entry, double cost);

  const PriceTable table_;
  const std::filesystem::path ledger_;
  mutable std::mutex mutex_;
  double reserved_ = 0;
};

}  // namespace gaze
