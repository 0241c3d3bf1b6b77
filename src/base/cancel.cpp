#include "base/cancel.h"

#include "base/error.h"
#include "base/message.h"

namespace gaze {

void CancelToken::check() const {
  if (cancelled()) throw Error(ErrorCode::cancelled, message("interrupted"));
}

}  // namespace gaze
