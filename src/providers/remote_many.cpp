#include "providers/remote_many.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace gaze {

void run_at_once(std::size_t count, int at_once, const CancelToken& cancel,
                 const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&] {
    for (std::size_t mine; !failed && !cancel.cancelled() && (mine = next++) < count;) {
      try {
        work(mine);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        failed = true;
      }
    }
  };
  std::vector<std::thread> threads;
  const std::size_t most = std::min<std::size_t>(count, static_cast<std::size_t>(std::max(1, at_once)));
  threads.reserve(most);
  for (std::size_t i = 0; i < most; ++i) threads.emplace_back(run);
  for (std::thread& thread : threads) thread.join();
  cancel.check();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace gaze
