#include "base/limits.h"

namespace gaze {
namespace {
Limits& current() {
  static Limits value;
  return value;
}
}  // namespace

const Limits& limits() {
  return current();
}
void set_limits(const Limits& value) {
  current() = value;
}

}  // namespace gaze
