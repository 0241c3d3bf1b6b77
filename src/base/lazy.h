// A value that is made when it is first looked at, and then stays.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace gaze {

// Threads that look at once wait for the one that makes it. What `make` throws reaches who looked; the next look tries
// again.
template <class T>
class Lazy {
 public:
  explicit Lazy(std::function<std::unique_ptr<const T>()> make) : make_(std::move(make)) {}

  const T& operator*() const {
    std::call_once(once_, [this] { value_ = make_(); });
    return *value_;
  }
  const T* operator->() const { return &**this; }

 private:
  std::function<std::unique_ptr<const T>()> make_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<const T> value_;
};

}  // namespace gaze
