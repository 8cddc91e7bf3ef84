#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "abi.h"

namespace node_dlb::dlb {

// The events that libdlb gave for a port and that are not completed, oldest first:
//
//     head ──── received by JS, not released ──── middle ──── waiting to be received ──── tail
//
// The ring outlives the thread that received the events, which `recover` needs: libdlb itself keeps
// no copy. A directed port owes no completions: its head is its middle. Thread: under the port's
// lock.
class EventRing {
 public:
  explicit EventRing(uint32_t room) {
    uint32_t size = 16;
    while (size < room) size *= 2;
    events_.resize(size);
  }

  uint32_t unreleased() const { return middle_ - head_; }
  uint32_t waiting() const { return tail_ - middle_; }
  uint32_t count() const { return tail_ - head_; }
  uint32_t room() const { return static_cast<uint32_t>(events_.size()) - count(); }

  // Precondition: `count` is at most room().
  void Append(const abi::Event* events, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) At(tail_ + i) = events[i];
    tail_ += count;
  }
  uint32_t CopyWaiting(abi::Event* to, uint32_t max) {
    const uint32_t count = std::min(max, waiting());
    for (uint32_t i = 0; i < count; ++i) to[i] = At(middle_ + i);
    return count;
  }
  uint32_t TakeWaiting(abi::Event* to, uint32_t max) {
    const uint32_t count = CopyWaiting(to, max);
    middle_ += count;
    return count;
  }
  // Does what Append and TakeWaiting do, without a second copy.
  void AppendTaken(const abi::Event* events, uint32_t count) {
    Append(events, count);
    middle_ += count;
  }
  void Complete(uint32_t count) { head_ += count; }
  // Takes the oldest events, whether JS has received them or not. Returns how many of them JS had
  // not received.
  uint32_t TakeOldest(abi::Event* to, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) to[i] = At(head_ + i);
    head_ += count;
    const uint32_t unreceived = static_cast<int32_t>(head_ - middle_) > 0 ? head_ - middle_ : 0;
    middle_ += unreceived;
    return unreceived;
  }

 private:
  abi::Event& At(uint32_t index) { return events_[index & (events_.size() - 1)]; }

  std::vector<abi::Event> events_;
  uint32_t head_ = 0;
  uint32_t middle_ = 0;
  uint32_t tail_ = 0;
};

}  // namespace node_dlb::dlb
