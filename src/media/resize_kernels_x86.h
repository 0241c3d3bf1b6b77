// For resize_kernels.cpp alone: the kernels for x86, and what they share with the plain one.
#pragma once

#include <vector>

#include "media/resize_kernels.h"

namespace gaze {

// Those that this CPU runs, slowest first; none on other processors.
std::vector<const ResizeKernels*> x86_resize_kernels();

// ResizeKernels::gather in plain C++; also the edges of the others.
void gather_quads(const std::uint8_t* const rows[kBlockRows], int width, int first_quad, int end_quad,
                  std::uint8_t* quads);

}  // namespace gaze
