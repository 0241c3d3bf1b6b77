// Memory for what lives within one forward pass: taken in a moment, given back together, kept for the next pass.
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/tensor.h"

namespace gaze {

// One a thread; never shared. After the first pass of a shape no more memory is asked of the system.
class Scratch {
 public:
  static Scratch& local();

  // Everything taken while a frame stands is given back when it ends; frames nest.
  class Frame {
   public:
    explicit Frame(Scratch& scratch = local()) : scratch_(scratch), block_(scratch.block_), used_(scratch.used_) {}
    ~Frame() {
      scratch_.block_ = block_;
      scratch_.used_ = used_;
    }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    // Uninitialised, aligned to 64 bytes, valid until the frame ends. Errors: out_of_memory.
    Tensor tensor(Shape shape, DType type) { return scratch_.take(shape, type); }

   private:
    Scratch& scratch_;
    std::size_t block_, used_;
  };

 private:
  Tensor take(Shape shape, DType type);
  void merge();  // several blocks, nothing taken: from now on one as large as all of them

  std::vector<Tensor> blocks_;  // bytes; taken from in order
  std::size_t block_ = 0;       // the one in use
  std::size_t used_ = 0;        // bytes of it
};

}  // namespace gaze
