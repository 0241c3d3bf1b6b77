// Rules that change the scores of the next token, in the reference's order (transformers'
// GenerationMixin._get_logits_processor and generation/logits_process.py).
#pragma once

#include <span>

#include "generate/generation_config.h"

namespace gaze {

// `sequence`: prompt and tokens so far; `scores`: one a vocabulary entry, logits or log-probabilities.
// Applies repetition penalty, blocked n-grams, minimum length and suppressed tokens, in that order.
void process_scores(const GenerationConfig& config, std::span<const TokenId> sequence, std::span<float> scores);

// RepetitionPenaltyLogitsProcessor: tokens already there lose, whatever the sign of their score.
void penalise_repetition(float penalty, std::span<const TokenId> sequence, std::span<float> scores);

// NoRepeatNGramLogitsProcessor: a token that would complete an n-gram already there becomes impossible.
void block_repeated_ngrams(int size, std::span<const TokenId> sequence, std::span<float> scores);

}  // namespace gaze
