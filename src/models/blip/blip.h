// BLIP as published by Salesforce: captions, answers to questions, image-text matching (Li et al. 2022).
// Reference: transformers' BlipForConditionalGeneration, BlipForQuestionAnswering, BlipForImageTextRetrieval.
#pragma once

#include <memory>

#include "models/captioner.h"
#include "models/checkpoint.h"
#include "models/picture_questions.h"

namespace gaze {

// Errors: as load_captioner, load_picture_answerer, load_picture_matcher.
std::unique_ptr<const Captioner> load_blip_captioner(const Checkpoint& checkpoint, Precision precision);
std::unique_ptr<const PictureAnswerer> load_blip_answerer(const Checkpoint& checkpoint, Precision precision);
std::unique_ptr<const PictureMatcher> load_blip_matcher(const Checkpoint& checkpoint, Precision precision);

}  // namespace gaze
