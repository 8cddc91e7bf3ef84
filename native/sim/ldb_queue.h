#ifndef DLB_SIM_LDB_QUEUE_H
#define DLB_SIM_LDB_QUEUE_H

#include <array>
#include <cstdint>
#include <vector>

#include "event_store.h"

namespace dlb_sim {

// The events that wait, in eight FIFOs by priority, and the counters of a queue's depth. Under the
// domain's lock.
struct Backlog {
  // The depth at which a queue counts as loaded. The levels are half of it, itself, and one and a
  // half of it.
  static constexpr uint32_t kThreshold = 256;

  std::array<Fifo, 8> fifos;
  // The FIFOs that are not empty, one bit each.
  uint32_t priorities = 0;
  uint32_t depth = 0;
  uint64_t enqueued = 0;
  std::array<uint64_t, 4> at_level{};

  uint32_t Level() const {
    if (depth <= kThreshold / 2) return 0;
    if (depth <= kThreshold) return 1;
    return depth <= kThreshold + kThreshold / 2 ? 2 : 3;
  }

  void CountArrival() {
    enqueued++;
    at_level[Level()]++;
  }

  bool Append(EventStore* store, const dlb_event_t& event) {
    const unsigned priority = PriorityOf(event);
    if (!store->Append(&fifos[priority], event)) return false;
    priorities |= 1U << priority;
    depth++;
    return true;
  }

  dlb_event_t Remove(EventStore* store, unsigned priority, uint32_t at, uint32_t before) {
    const dlb_event_t event = store->Remove(&fifos[priority], at, before);
    if (fifos[priority].empty()) priorities &= ~(1U << priority);
    depth--;
    return event;
  }
};

// The port that has each flow, and the number of the flow's events. The memory is allocated with
// the queue's first atomic event.
class FlowTable {
 public:
  // With 0 locks, each of the 65,536 flow ids has a lock of its own.
  explicit FlowTable(uint32_t locks) : locks_(locks) {}

  uint16_t LockOf(uint16_t flow) const { return static_cast<uint16_t>(locks_ == 0 ? flow : flow % locks_); }
  // The bit of the port that has the lock, or 0 if none has.
  uint64_t Holder(uint16_t lock) const {
    return flows_.empty() || flows_[lock].events == 0 ? 0 : uint64_t{1} << flows_[lock].port;
  }
  void Pin(uint16_t lock, uint8_t port) {
    if (flows_.empty()) flows_.resize(locks_ == 0 ? 65536 : locks_);
    flows_[lock].port = port;
    flows_[lock].events++;
  }
  // Returns whether it was the flow's last event.
  bool Unpin(uint16_t lock) { return --flows_[lock].events == 0; }

 private:
  struct Flow {
    uint16_t events = 0;
    uint8_t port = 0;
  };
  uint32_t locks_;
  std::vector<Flow> flows_;
};

// The sequence numbers. Ordered events leave events behind; these continue in the order in which
// the ordered events were scheduled.
class ReorderRing {
 public:
  explicit ReorderRing(uint32_t numbers) : slots_(numbers) {}

  bool exists() const { return !slots_.empty(); }
  bool HasRoom() const { return size_ < slots_.size(); }
  uint32_t Claim() {
    const auto at = static_cast<uint32_t>((head_ + size_++) % slots_.size());
    slots_[at] = {};
    return at;
  }
  // Adds an event that takes the slot's place in the order. Returns false if there are too many of
  // them.
  bool Attach(uint32_t at, EventStore* store, const dlb_event_t& event) {
    return slots_[at].count++ < kPieces && store->Append(&slots_[at].pieces, event);
  }
  void MarkDone(uint32_t at) { slots_[at].done = true; }
  // Takes the pieces of the oldest slot, if it is done; the slot is free then.
  bool PopDone(Fifo* pieces) {
    if (size_ == 0 || !slots_[head_].done) return false;
    *pieces = slots_[head_].pieces;
    head_ = static_cast<uint32_t>((head_ + 1) % slots_.size());
    size_--;
    return true;
  }

 private:
  // The number of pieces: the fragments, and the forward that ends them.
  static constexpr uint32_t kPieces = 17;
  struct Slot {
    bool done = false;
    uint32_t count = 0;
    Fifo pieces;
  };
  std::vector<Slot> slots_;
  uint32_t head_ = 0;
  uint32_t size_ = 0;
};

// A load-balanced queue. Under the domain's lock.
struct LdbQueue {
  LdbQueue(uint8_t id_, uint32_t numbers, uint32_t locks, uint32_t most)
      : id(id_), flows(locks), order(numbers), in_flight_limit(most) {}

  uint8_t id;
  Backlog backlog;
  FlowTable flows;
  ReorderRing order;
  // The most events that may be scheduled and not completed, over all ports: the queue's sequence
  // numbers, or the number that the driver was asked for.
  uint32_t in_flight_limit;
  // The linked ports, by the priority of the link.
  std::array<uint64_t, 8> linked{};
  // The port after the one that got the last event: ports with equal loads take turns.
  unsigned turn = 0;
  uint32_t in_flight = 0;

  bool HasRoom() const { return in_flight < in_flight_limit; }

  uint64_t AllLinked() const {
    uint64_t ports = 0;
    for (const uint64_t each : linked) ports |= each;
    return ports;
  }

  void Unlink(uint64_t port) {
    for (uint64_t& each : linked) each &= ~port;
  }
  void Link(uint64_t port, unsigned priority) {
    Unlink(port);
    linked[priority] |= port;
  }
};

}  // namespace dlb_sim

#endif
