#ifndef DLB_SIM_BITS_H
#define DLB_SIM_BITS_H

#include <cstdint>

namespace dlb_sim {

inline uint64_t Bit(unsigned port) { return uint64_t{1} << port; }

inline unsigned LowestBit(uint64_t bits) { return static_cast<unsigned>(__builtin_ctzll(bits)); }

inline uint64_t RotateRight(uint64_t bits, unsigned by) { return by == 0 ? bits : bits >> by | bits << (64 - by); }

}  // namespace dlb_sim

#endif
