#ifndef DLB_SIM_SCHEDULER_H
#define DLB_SIM_SCHEDULER_H

#include <array>
#include <cstdint>
#include <memory>

#include "consumer_queue.h"
#include "event_store.h"
#include "ldb_queue.h"
#include "settings.h"

namespace dlb_sim {

// A directed queue, which belongs to one port.
struct DirQueue {
  Backlog backlog;
};

// The device's reaction to a mistake: it drops the event and raises an alert.
class HardwareErrors {
 public:
  virtual void OnHardwareError(const char* what) = 0;

 protected:
  ~HardwareErrors() = default;
};

// The device's part of a domain: it has the queues and consumer queues, and decides which port gets
// each event. It has no thread: the caller that sends, returns tokens or completes does the
// scheduling. Under the domain's lock.
//
// Invariant: between two calls, no waiting event could be scheduled. So an event that arrives can
// be scheduled at once or has to wait, regardless of other waiting events; only when a port gets
// room must the backlog be searched (Run).
class Scheduler {
 public:
  Scheduler(uint32_t capacity, bool fragments, CqLayout layout, Knobs* knobs, HardwareErrors* errors)
      : store_(capacity), fragments_(fragments), layout_(layout), knobs_(knobs), errors_(errors) {}

  void AddLdbQueue(uint8_t id, uint32_t sequence_numbers, uint32_t locks, uint32_t in_flight_limit);
  void AddDirQueue(uint8_t id) { dir_queues_[id] = std::make_unique<DirQueue>(); }
  ConsumerQueue* AddPort(uint8_t id, bool directed, uint32_t depth, uint32_t entries);
  void Link(ConsumerQueue* port, uint8_t queue, unsigned priority);
  void Unlink(ConsumerQueue* port, uint8_t queue);
  void Enable(ConsumerQueue* port, bool enabled);
  void Start();
  // The driver refused the start: the device drops everything that the library sends.
  void RefuseStart() { refused_ = true; }
  // The device was reset: nothing is scheduled any more, and what is queued is lost.
  void Die();

  // Takes one record as the port writes it. Its command tells whether it carries an event,
  // completes one, or returns a token.
  void Take(ConsumerQueue* from, const dlb_event_t& event, uint8_t command);
  void Complete(ConsumerQueue* from);
  void ReturnTokens(ConsumerQueue* port, uint32_t count);
  // To be called after the functions above: schedules the events that have room now.
  void Run() {
    if (pending_ != 0) RunPending();
  }

  LdbQueue* ldb_queue(unsigned id) { return id < ldb_queues_.size() ? ldb_queues_[id].get() : nullptr; }
  DirQueue* dir_queue(unsigned id) { return id < dir_queues_.size() ? dir_queues_[id].get() : nullptr; }
  uint32_t queued() const { return queued_; }
  // Counts the queue's waiting atomic events whose flow some port has. It visits each event.
  uint32_t CountBlocked(const LdbQueue& queue) const;

 private:
  // A waiting event that a port can take.
  struct Candidate {
    LdbQueue* queue = nullptr;
    unsigned priority = 8;
    uint32_t at = kNone;
    uint32_t before = kNone;
    unsigned port = 0;
  };

  void Forward(ConsumerQueue* from, const dlb_event_t& event);
  void Fragment(ConsumerQueue* from, const dlb_event_t& event);
  void Accept(const dlb_event_t& event);
  void AcceptDirected(const dlb_event_t& event);
  void AcceptLoadBalanced(const dlb_event_t& event);
  bool IsLegal(const LdbQueue& queue, const dlb_event_t& event);
  bool PlaceNow(LdbQueue* queue, const dlb_event_t& event);
  uint64_t WhoMayTake(const LdbQueue& queue, const dlb_event_t& event) const;
  unsigned LeastLoaded(uint64_t ports, unsigned turn) const;
  void Place(LdbQueue* queue, unsigned port, const dlb_event_t& event);
  void Deliver(ConsumerQueue* port, const dlb_event_t& event, uint32_t level);
  void FlushOrder(LdbQueue* queue);
  void Refresh(ConsumerQueue* port);
  void PullDirected(ConsumerQueue* port);
  void RunPending();
  void FindFirst(LdbQueue* queue, uint64_t ports, Candidate* best) const;
  void Lose(Backlog* backlog);
  bool HasStopped() const { return knobs_->until_stop.IsOver(); }

  EventStore store_;
  bool fragments_;
  CqLayout layout_;
  Knobs* knobs_;
  HardwareErrors* errors_;
  bool running_ = false;
  bool refused_ = false;
  bool dead_ = false;
  std::array<std::unique_ptr<LdbQueue>, 32> ldb_queues_;
  std::array<std::unique_ptr<DirQueue>, 96> dir_queues_;
  std::array<std::unique_ptr<ConsumerQueue>, 64> ldb_ports_;
  std::array<std::unique_ptr<ConsumerQueue>, 96> dir_ports_;
  // The load-balanced ports that have room, one bit each.
  uint64_t ready_ = 0;
  // The queues that Run has to search, one bit each.
  uint32_t pending_ = 0;
  uint32_t queued_ = 0;
};

}  // namespace dlb_sim

#endif
