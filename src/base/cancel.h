// Stopping long work: Ctrl-C in the program, a client that left in the server.
#pragma once

#include <atomic>

namespace gaze {

// Shared between the one who asks to stop and those who work; outlives both. Thread-safe; cancel() is also safe in a
// signal handler.
class CancelToken {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  // Throws Error(cancelled) once cancelled. Long loops call it between steps.
  void check() const;

 private:
  std::atomic<bool> cancelled_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace gaze
