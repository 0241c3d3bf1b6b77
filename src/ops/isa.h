// What this CPU computes with, found once at start.
#pragma once

#include <string>

namespace gaze {

struct CpuFeatures {
  bool avx2 = false;             // with FMA and F16C, as all have
  bool avx_vnni = false;         // int8 dot products in 256 bits
  bool avx512 = false;           // F, BW, VL, DQ
  bool avx512_vnni = false;      // int8 dot products
  bool avx512_bf16 = false;      // bf16 dot products
  bool amx = false;              // tiles of int8 and bf16, and the kernel lets us use them
  bool fast_bf16_pairs = false;  // AVX-512's bf16 dot products are faster than f32 products
};

// Thread-safe. oneDNN's own limit (ONEDNN_MAX_CPU_ISA) is respected: what is off there is off here.
const CpuFeatures& cpu_features();

std::string isa_name();  // for people: "AVX-512 VNNI BF16"
std::string cpu_name();  // as the CPU calls itself

}  // namespace gaze
