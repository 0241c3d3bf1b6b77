// Which model a search takes where nobody names one.
#pragma once

#include <string>

#include "catalog/library.h"
#include "tasks/model_store.h"

namespace gaze {

// The installed model that has most vectors in `library`; where none has any, the store's best one for searching.
// Errors: model_not_found (nothing is installed and the built-in model is missing), the library's.
ModelEntry model_for_search(Library& library, const ModelStore& store);

}  // namespace gaze
