#ifndef DLB_SIM_CQ_RING_H
#define DLB_SIM_CQ_RING_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "libdlb.h"
#include "settings.h"

namespace dlb_sim {

// A consumer queue's memory: a ring that the device writes and the library polls.
//
// The device sets an element's generation bit to 1 in its first round through the ring, to 0 in its
// second, and so on. This bit alone tells the library whether the next element is new; memory that
// was never written has 0. The device does not learn what the library has read. Tokens keep it from
// overwriting unread elements: there are at most as many tokens as the ring has places.
//
// Thread: under the domain's lock. libdlb polls without one.
class CqRing {
 public:
  // The least number of places of a ring. A queue of less depth has fewer tokens.
  static constexpr uint32_t kLeastPlaces = 8;
  static constexpr uint8_t kGeneration = 1 << 0;
  struct alignas(64) CacheLine {
    std::array<dlb_event_t, 4> elements{};
  };

  // `depth` is a power of two.
  CqRing(uint32_t depth, CqLayout layout)
      : places_(std::max(depth, kLeastPlaces)),
        stride_(layout == CqLayout::kSparse ? 4 : 1),
        memory_(places_ * stride_ / 4) {}

  // The device's half. `level` tells how full the event's queue is.
  void Write(const dlb_event_t& event, uint32_t level) {
    dlb_event_t& element = memory_[LineOf(written_)].elements[IndexOf(written_)];
    element = event;
    element.command = static_cast<uint8_t>(level << 1 | GenerationOf(written_));
    written_++;
  }

  // The library's half: the next element, or null if the device has not written it yet.
  const dlb_event_t* Next() const {
    const dlb_event_t& element = memory_[LineOf(read_)].elements[IndexOf(read_)];
    return (element.command & kGeneration) == GenerationOf(read_) ? &element : nullptr;
  }
  void Advance() { read_++; }

  // For counters and reports; neither half reads it.
  uint32_t unread() const { return written_ - read_; }
  const std::vector<CacheLine>& memory() const { return memory_; }

 private:
  // The line of the n-th element since the start. The counts may wrap: a ring's number of places is
  // a power of two.
  size_t LineOf(uint32_t n) const { return n % places_ * stride_ / 4; }
  size_t IndexOf(uint32_t n) const { return n % places_ * stride_ % 4; }
  uint32_t GenerationOf(uint32_t n) const { return ~(n / places_) & kGeneration; }

  const uint32_t places_;
  // The distance from one element to the next, in bytes.
  const uint32_t stride_;
  std::vector<CacheLine> memory_;
  uint32_t written_ = 0;
  uint32_t read_ = 0;
};

}  // namespace dlb_sim

#endif
