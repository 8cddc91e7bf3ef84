#ifndef DLB_SIM_EVENT_STORE_H
#define DLB_SIM_EVENT_STORE_H

#include <cstdint>
#include <vector>

#include "libdlb.h"

namespace dlb_sim {

constexpr uint32_t kNone = UINT32_MAX;

inline uint8_t TypeOf(const dlb_event_t& event) { return event.type_priority & 3; }
inline uint8_t PriorityOf(const dlb_event_t& event) { return (event.type_priority >> 2) & 7; }
inline uint32_t WeightOf(const dlb_event_t& event) { return 1U << ((event.weight >> 1) & 3); }

struct Fifo {
  uint32_t head = kNone;
  uint32_t tail = kNone;
  bool empty() const { return head == kNone; }
};

// The memory of a domain's queued events. Its size is fixed, since each event holds a credit.
class EventStore {
 public:
  struct Node {
    dlb_event_t event;
    uint32_t next;
    uint32_t arrival;
  };

  explicit EventStore(uint32_t capacity) : nodes_(capacity) {
    for (uint32_t i = 0; i < capacity; i++) nodes_[i].next = i + 1 < capacity ? i + 1 : kNone;
    free_ = capacity > 0 ? 0 : kNone;
  }

  const Node& operator[](uint32_t at) const { return nodes_[at]; }

  // Returns false if it is full, which means that an event came without a credit.
  bool Append(Fifo* fifo, const dlb_event_t& event) {
    if (free_ == kNone) return false;
    const uint32_t at = free_;
    Node& node = nodes_[at];
    free_ = node.next;
    node = {event, kNone, arrivals_++};
    if (fifo->empty()) {
      fifo->head = at;
    } else {
      nodes_[fifo->tail].next = at;
    }
    fifo->tail = at;
    return true;
  }

  // `before` is the event's predecessor in the FIFO, or kNone.
  dlb_event_t Remove(Fifo* fifo, uint32_t at, uint32_t before) {
    Node& node = nodes_[at];
    (before == kNone ? fifo->head : nodes_[before].next) = node.next;
    if (fifo->tail == at) fifo->tail = before;
    node.next = free_;
    free_ = at;
    return node.event;
  }

  dlb_event_t RemoveHead(Fifo* fifo) { return Remove(fifo, fifo->head, kNone); }

 private:
  std::vector<Node> nodes_;
  uint32_t free_ = kNone;
  uint32_t arrivals_ = 0;
};

}  // namespace dlb_sim

#endif
