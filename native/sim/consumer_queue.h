#ifndef DLB_SIM_CONSUMER_QUEUE_H
#define DLB_SIM_CONSUMER_QUEUE_H

#include <cstdint>
#include <vector>

#include "cq_ring.h"
#include "interrupt.h"

namespace dlb_sim {

// What the device keeps about an event that it has scheduled and that is not completed.
struct InFlight {
  uint8_t queue;
  uint8_t type;
  uint16_t lock;
  uint32_t slot;
  uint32_t weight;
};

// A ring of fixed size.
template <typename T>
class Ring {
 public:
  explicit Ring(uint32_t capacity) : items_(capacity) {}
  uint32_t size() const { return size_; }
  uint32_t capacity() const { return static_cast<uint32_t>(items_.size()); }
  T& front() { return items_[head_]; }
  void push(const T& item) {
    uint32_t at = head_ + size_++;
    if (at >= items_.size()) at -= capacity();
    items_[at] = item;
  }
  T pop() {
    const T item = items_[head_];
    size_--;
    if (++head_ == items_.size()) head_ = 0;
    return item;
  }

 private:
  std::vector<T> items_;
  uint32_t head_ = 0;
  uint32_t size_ = 0;
};

// The device's part of a port. Under the domain's lock.
struct ConsumerQueue {
  ConsumerQueue(uint8_t id_, bool directed_, uint32_t depth_, CqLayout layout, uint32_t entries)
      : id(id_), directed(directed_), depth(depth_), ring(depth_, layout), in_flight(entries) {}

  uint8_t id;
  bool directed;
  uint32_t depth;
  // The events that are scheduled and not received.
  CqRing ring;
  // The events that are scheduled and not completed, oldest first: the event state entries.
  Ring<InFlight> in_flight;
  // The number of events that take up the depth: those in the ring, and those that were received
  // and whose token is not returned.
  uint32_t tokens = 0;
  bool enabled = true;
  bool weighted = false;
  uint32_t weight = 0;
  // The queues that it is linked to, one bit each.
  uint32_t queues = 0;
  Interrupt interrupt;

  // With weights, the limit applies to the events that are out already, without the next one: a
  // light event never overtakes a heavy one before it.
  bool HasRoom() const {
    if (!enabled || tokens >= depth) return false;
    return directed || (in_flight.size() < in_flight.capacity() && (!weighted || weight < depth));
  }
};

}  // namespace dlb_sim

#endif
