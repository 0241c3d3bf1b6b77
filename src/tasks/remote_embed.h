// Texts as vectors from a remote model.
#pragma once

#include <span>
#include <string>

#include "base/cancel.h"
#include "base/json.h"
#include "tasks/remote_access.h"
#include "tensor/tensor.h"

namespace gaze {

// float32 [texts, dimension], each row made to have length 1. Vectors that are kept need no call; the others are asked
// for a hundred at a time, within the spending cap. Errors: as RemoteModel::embed and SpendingAccount::reserve,
// invalid_json (vectors of several lengths, or without one).
// `dimensions`: as RemoteModel::embed's.
Tensor embed_texts_remotely(RemoteAccess& access, std::span<const std::string> texts, int dimensions,
                            const CancelToken& cancel);

// `--dry-run`: the first request for them, as describe gives it; says on standard error what all would take out.
OrderedJson describe_embedding(const RemoteAccess& access, std::span<const std::string> texts, int dimensions);

}  // namespace gaze
