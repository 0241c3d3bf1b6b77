#include "base/parallel.h"

#include <atomic>
#include <thread>
#include <vector>

namespace gaze::detail {
namespace {

// How long a thread looks for work, or for the others' end, before it sleeps: some 30 µs, about as long as waking it
// takes. The steps between two loops of a forward pass are shorter; a thread that spun longer would take the core from
// whatever else runs on the machine.
constexpr int kSpins = 400;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

template <class Done>
void wait_until(std::atomic<std::uint32_t>& state, const Done& done) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (done(state.load(std::memory_order_acquire))) return;
    pause();
  }
  for (std::uint32_t now = state.load(); !done(now); now = state.load()) state.wait(now);
}

// One loop at a time. `state_` is the loop's number, whether it is open to helpers, and how many are in it; a helper
// joins by counting itself in while it is open, so one that wakes late finds it closed and touches nothing of it.
class Pool {
 public:
  bool try_run(std::int64_t count, LoopBody call, const void* body) {
    if (busy_.test_and_set(std::memory_order_acquire)) return false;
    const int helpers = compute_threads() - 1;
    while (std::ssize(threads_) < helpers) threads_.emplace_back([this, i = std::ssize(threads_)] { serve(i); });
    call_ = call;
    body_ = body;
    count_ = count;
    next_ = 0;
    helpers_ = helpers;
    state_ = ((state_ / kNumber + 1) * kNumber) | kOpen;
    state_.notify_all();
    take_part();
    state_.fetch_and(~kOpen);
    wait_until(state_, [](std::uint32_t now) { return (now & kInside) == 0; });
    busy_.clear(std::memory_order_release);
    return true;
  }

 private:
  static constexpr std::uint32_t kInside = 0xFFF, kOpen = 0x1000, kNumber = 0x2000;

  void take_part() {
    for (std::int64_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) call_(body_, i);
  }

  [[noreturn]] void serve(std::int64_t index) {
    for (std::uint32_t seen = 0;;) {
      wait_until(state_, [seen](std::uint32_t now) { return now / kNumber != seen && (now & kOpen) != 0; });
      std::uint32_t now = state_.load();
      while ((now & kOpen) != 0 && !state_.compare_exchange_weak(now, now + 1)) {
      }
      seen = now / kNumber;
      if ((now & kOpen) == 0) continue;
      if (index < helpers_) take_part();
      if (const std::uint32_t left = state_.fetch_sub(1) - 1; (left & (kInside | kOpen)) == 0) state_.notify_all();
    }
  }

  std::atomic_flag busy_;
  std::vector<std::thread> threads_;
  std::atomic<std::uint32_t> state_{0};
  std::atomic<std::int64_t> next_{0};
  std::int64_t count_ = 0, helpers_ = 0;
  LoopBody call_ = nullptr;
  const void* body_ = nullptr;
};

}  // namespace

void run_on_pool(std::int64_t count, LoopBody call, const void* body) {
  static Pool& pool = *new Pool;  // never destroyed: its threads wait in it until the process ends
  if (pool.try_run(count, call, body)) return;
  for (std::int64_t i = 0; i < count; ++i) call(body, i);
}

}  // namespace gaze::detail
