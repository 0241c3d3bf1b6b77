// How far long work is: a bar on standard error, on a terminal only.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace gaze::cli {

// Used by one thread. Draws at most ten times a second.
class Progress {
 public:
  // `total` may be 0 (unknown). `what`: "pictures".
  Progress(std::size_t total, std::string what);
  ~Progress();  // clears
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::size_t done) { show(done, total_); }
  void show(std::size_t done, std::size_t total);
  void clear();  // leaves an empty line for what comes next

 private:
  using Clock = std::chrono::steady_clock;

  std::size_t total_;
  std::string what_;
  bool visible_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_{};
};

// "5 s", "3 min 20 s", "2 h 5 min"
std::string duration(double seconds);

}  // namespace gaze::cli
