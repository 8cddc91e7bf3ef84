#ifndef DLB_SIM_LDB_QUEUE_H
#define DLB_SIM_LDB_QUEUE_H

#include <array>
#include <cstdint>
#include <vector>

#include "event_store.h"

namespace dlb_sim {

// Events that wait, in eight FIFOs by priority, and the counters of a queue's depth. Under the
// domain's lock.
struct Backlog {
  // The depth at which a queue counts as loaded; the levels are its half, itself, and its one and a
  // half.
  static constexpr uint32_t kThreshold = 256;

  std::array<Fifo, 8> fifos;
  // The FIFOs that are not empty, by bit.
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

// Which port has a flow, and how many of its events. Its memory comes with the queue's first atomic
// event.
class FlowTable {
 public:
  // 0: each of the 65536 flow ids is a lock of its own.
  explicit FlowTable(uint32_t locks) : locks_(locks) {}

  uint16_t LockOf(uint16_t flow) const { return static_cast<uint16_t>(locks_ == 0 ? flow : flow % locks_); }
  // The port's bit, or 0 if no port has it.
  uint64_t Holder(uint16_t lock) const {
    return flows_.empty() || flows_[lock].events == 0 ? 0 : uint64_t{1} << flows_[lock].port;
  }
  void Pin(uint16_t lock, uint8_t port) {
    if (flows_.empty()) flows_.resize(locks_ == 0 ? 65536 : locks_);
    flows_[lock].port = port;
    flows_[lock].events++;
  }
  // Whether it was the flow's last event.
  bool Unpin(uint16_t lock) { return --flows_[lock].events == 0; }

 private:
  struct Flow {
    uint16_t events = 0;
    uint8_t port = 0;
  };
  uint32_t locks_;
  std::vector<Flow> flows_;
};

// Sequence numbers: what ordered events leave behind goes on in the order in which they were
// scheduled.
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
  // An event that takes the slot's place in the order; false if there are too many of them.
  bool Attach(uint32_t at, EventStore* store, const dlb_event_t& event) {
    return slots_[at].count++ < kPieces && store->Append(&slots_[at].pieces, event);
  }
  void MarkDone(uint32_t at) { slots_[at].done = true; }
  // The pieces of the oldest slot, if it is done; the slot is free then.
  bool PopDone(Fifo* pieces) {
    if (size_ == 0 || !slots_[head_].done) return false;
    *pieces = slots_[head_].pieces;
    head_ = static_cast<uint32_t>((head_ + 1) % slots_.size());
    size_--;
    return true;
  }

 private:
  // Fragments, and the forward that ends them.
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
  // Events scheduled and not completed, over all ports: the queue's sequence numbers, or what the
  // driver was asked for.
  uint32_t in_flight_limit;
  // The ports that are linked, by the link's priority.
  std::array<uint64_t, 8> linked{};
  // The port after the last that got an event: ports with equal loads take turns.
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
