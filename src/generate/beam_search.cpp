#include "generate/beam_search.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "generate/logits_processors.h"
#include "ops/log_sum_exp.h"

namespace gaze {
namespace {

constexpr float kNever = -1e9f;  // the reference's score of a beam that is not there

// A continuation of one running beam by one token.
struct Candidate {
  float score;  // summed log-probability
  int beam;     // of the running beams
  TokenId token;
  bool ends;
};

struct Beam {
  std::vector<TokenId> sequence;  // with the prompt
  float score = 0;
  int row = 0;  // of the decoder's last call
};

// The search for one prompt; prompts do not influence each other.
class PromptSearch {
 public:
  PromptSearch(const GenerationConfig& config, std::span<const TokenId> prompt, int row)
      : config_(config), prompt_length_(static_cast<int>(prompt.size())), length_(prompt_length_) {
    running_.push_back({{prompt.begin(), prompt.end()}, 0, row});
  }

  bool done() const { return done_; }
  const std::vector<Beam>& running() const { return running_; }
  // Where the decoder put this prompt's beams in the call that comes.
  void set_first_row(int row) {
    for (Beam& beam : running_) beam.row = row++;
  }

  // The best continuations of running beam `b` alone, best first; `logits` holds all rows of the decoder's last call.
  // Safe to call for several beams at a time.
  std::vector<Candidate> best_of_beam(std::size_t b, std::span<const float> logits, std::size_t vocabulary) const {
    const auto row = logits.subspan(static_cast<std::size_t>(running_[b].row) * vocabulary, vocabulary);
    const float normaliser = log_sum_exp(row);
    thread_local std::vector<float> log_probs;
    log_probs.resize(vocabulary);
    for (std::size_t v = 0; v < vocabulary; ++v) log_probs[v] = row[v] - normaliser;
    process_scores(config_, running_[b].sequence, log_probs);

    // A heap of the best, the worst on top; earlier tokens win ties.
    const std::size_t keep = candidates_kept();
    float worst = kNever;
    std::vector<Candidate> heap;
    for (std::size_t v = 0; v < vocabulary; ++v) {
      const float score = log_probs[v] + running_[b].score;
      if (!(score > worst)) continue;
      if (heap.size() == keep) {
        std::pop_heap(heap.begin(), heap.end(), better);
        heap.pop_back();
      }
      heap.push_back({score, static_cast<int>(b), static_cast<TokenId>(v), false});
      std::push_heap(heap.begin(), heap.end(), better);
      if (heap.size() == keep) worst = heap.front().score;
    }
    std::stable_sort(heap.begin(), heap.end(), better);
    return heap;
  }

  // One step; `of_beams` holds best_of_beam of each running one.
  void advance(std::span<const std::vector<Candidate>> of_beams) {
    const std::vector<Candidate> candidates = best_continuations(of_beams);
    collect_finished(candidates);
    continue_beams(candidates);
    ++length_;
    may_improve_ = may_improve_ && improvement_possible();
    done_ = !may_improve_ || (full() && config_.early_stopping == EarlyStopping::yes) || running_.empty();
  }

  // The rows of running beams in the call before, in their new order.
  void append_step(std::vector<TokenId>& tokens, std::vector<int>& parents) const {
    for (const Beam& beam : running_) {
      tokens.push_back(beam.sequence.back());
      parents.push_back(beam.row);
    }
  }

  std::vector<Generation> result() const {
    std::vector<Generation> best = finished_;
    if (best.size() > static_cast<std::size_t>(config_.num_return_sequences)) best.resize(config_.num_return_sequences);
    return best;
  }

 private:
  bool full() const { return finished_.size() == static_cast<std::size_t>(config_.num_beams); }
  bool is_end(TokenId token) const {
    return std::find(config_.eos_token_ids.begin(), config_.eos_token_ids.end(), token) != config_.eos_token_ids.end();
  }
  float normalised(float score, int length) const {
    return score /
           static_cast<float>(std::pow(static_cast<double>(length), static_cast<double>(config_.length_penalty)));
  }

  static bool better(const Candidate& a, const Candidate& b) { return a.score > b.score; }

  // 2·num_beams (more with several end tokens): enough that num_beams remain even if every beam's best continuation
  // ends.
  std::size_t candidates_kept() const {
    return std::max<std::size_t>(2, 1 + config_.eos_token_ids.size()) * static_cast<std::size_t>(config_.num_beams);
  }

  // The best over all running beams; earlier beams win ties.
  std::vector<Candidate> best_continuations(std::span<const std::vector<Candidate>> of_beams) const {
    std::vector<Candidate> best;
    for (const std::vector<Candidate>& one : of_beams) best.insert(best.end(), one.begin(), one.end());
    std::stable_sort(best.begin(), best.end(), better);
    if (best.size() > candidates_kept()) best.resize(candidates_kept());
    const bool last = length_ + 1 >= config_.max_length;
    for (Candidate& candidate : best) candidate.ends = last || is_end(candidate.token);
    return best;
  }

  // _update_finished_beams: only the first num_beams candidates may end.
  void collect_finished(const std::vector<Candidate>& candidates) {
    if (!may_improve_ || (full() && config_.early_stopping == EarlyStopping::yes)) return;
    const auto considered = std::min(candidates.size(), static_cast<std::size_t>(config_.num_beams));
    for (std::size_t i = 0; i < considered; ++i) {
      const Candidate& candidate = candidates[i];
      if (!candidate.ends) continue;
      const std::vector<TokenId>& sequence = running_[static_cast<std::size_t>(candidate.beam)].sequence;
      Generation generation{{sequence.begin() + prompt_length_, sequence.end()},
                            normalised(candidate.score, length_ + 1 - prompt_length_),
                            is_end(candidate.token)};
      generation.ids.push_back(candidate.token);
      finished_.push_back(std::move(generation));
    }
    std::stable_sort(finished_.begin(), finished_.end(),
                     [](const Generation& a, const Generation& b) { return a.score > b.score; });
    if (finished_.size() > static_cast<std::size_t>(config_.num_beams)) finished_.resize(config_.num_beams);
  }

  // _get_running_beams_for_next_iteration
  void continue_beams(const std::vector<Candidate>& candidates) {
    std::vector<Beam> next;
    for (const Candidate& candidate : candidates) {
      if (candidate.ends || next.size() == static_cast<std::size_t>(config_.num_beams)) continue;
      const Beam& parent = running_[static_cast<std::size_t>(candidate.beam)];
      next.push_back({parent.sequence, candidate.score, parent.row});
      next.back().sequence.push_back(candidate.token);
    }
    running_ = std::move(next);
  }

  // _check_early_stop_heuristic
  bool improvement_possible() const {
    if (running_.empty() || !full()) return true;
    const bool hopeful = config_.early_stopping == EarlyStopping::never && config_.length_penalty > 0;
    const int length = (hopeful ? config_.max_length : length_) - prompt_length_;
    return normalised(running_.front().score, length) > finished_.back().score;
  }

  const GenerationConfig& config_;
  int prompt_length_;
  int length_;
  std::vector<Beam> running_;
  std::vector<Generation> finished_;  // best first
  bool may_improve_ = true;
  bool done_ = false;
};

}  // namespace

std::vector<std::vector<Generation>> beam_search(Decoder& decoder, std::span<const std::vector<TokenId>> prompts,
                                                 const GenerationConfig& config, const CancelToken* cancel) {
  std::vector<PromptSearch> searches;
  for (std::size_t i = 0; i < prompts.size(); ++i) searches.emplace_back(config, prompts[i], static_cast<int>(i));

  const auto vocabulary = static_cast<std::size_t>(decoder.vocabulary_size());
  std::vector<std::pair<std::size_t, std::size_t>> beams;  // all running ones: (prompt, beam)
  std::vector<std::vector<Candidate>> candidates;          // of each
  std::vector<TokenId> tokens;
  std::vector<int> parents;
  std::span<const float> logits = decoder.start(prompts);
  while (true) {
    beams.clear();
    for (std::size_t i = 0; i < searches.size(); ++i) {
      const std::size_t running = searches[i].done() ? 0 : searches[i].running().size();
      for (std::size_t b = 0; b < running; ++b) beams.emplace_back(i, b);
    }
    candidates.resize(beams.size());
    parallel_for(std::ssize(beams), [&](std::int64_t k) {
      const auto [prompt, beam] = beams[static_cast<std::size_t>(k)];
      candidates[static_cast<std::size_t>(k)] = searches[prompt].best_of_beam(beam, logits, vocabulary);
    });
    tokens.clear();
    parents.clear();
    std::size_t at = 0;  // in candidates
    for (PromptSearch& search : searches) {
      if (search.done()) continue;
      const std::size_t running = search.running().size();
      search.advance(std::span(candidates).subspan(at, running));
      at += running;
      if (search.done()) continue;
      const int first_row = static_cast<int>(tokens.size());
      search.append_step(tokens, parents);
      search.set_first_row(first_row);
    }
    if (tokens.empty()) break;
    if (cancel) cancel->check();
    logits = decoder.step(tokens, parents);
  }

  std::vector<std::vector<Generation>> results;
  for (const PromptSearch& search : searches) results.push_back(search.result());
  return results;
}

}  // namespace gaze
