// Scheduler: which port gets which event.
#include "scheduler.h"

#include "bits.h"

namespace dlb_sim {

// The ports that may take this event: the one that has its flow, or all. None if the event lacks a
// sequence number, or the queue has as much in flight as it may.
uint64_t Scheduler::WhoMayTake(const LdbQueue& queue, const dlb_event_t& event) const {
  const uint8_t type = TypeOf(event);
  if (!queue.HasRoom()) return 0;
  if (type == DLB_SCHED_UNORDERED) return UINT64_MAX;
  if (type == DLB_SCHED_ORDERED) return queue.order.HasRoom() ? UINT64_MAX : 0;
  const uint64_t holder = queue.flows.Holder(queue.flows.LockOf(event.flow_id));
  return holder == 0 ? UINT64_MAX : holder;
}

bool Scheduler::PlaceNow(LdbQueue* queue, const dlb_event_t& event) {
  if (HasStopped()) return false;
  // An event that waits, in this or another queue, may have found room meanwhile; then all events
  // stand in line.
  if (pending_ != 0 && queued_ > 0) {
    pending_ |= 1U << queue->id;
    return false;
  }
  const uint64_t takers = ready_ & queue->AllLinked() & WhoMayTake(*queue, event);
  if (takers == 0) return false;
  Place(queue, LeastLoaded(takers, queue->turn), event);
  return true;
}

unsigned Scheduler::LeastLoaded(uint64_t ports, unsigned turn) const {
  unsigned best = 0;
  uint32_t least = UINT32_MAX;
  for (uint64_t left = RotateRight(ports, turn); left != 0; left &= left - 1) {
    const unsigned port = (LowestBit(left) + turn) & 63;
    const uint32_t load = ldb_ports_[port]->in_flight.size();
    if (load >= least) continue;
    best = port;
    least = load;
    if (load == 0) break;
  }
  return best;
}

void Scheduler::Place(LdbQueue* queue, unsigned port, const dlb_event_t& event) {
  ConsumerQueue* to = ldb_ports_[port].get();
  InFlight entry{queue->id, TypeOf(event), 0, 0, to->weighted ? WeightOf(event) : 0};
  if (entry.type == DLB_SCHED_ATOMIC) {
    entry.lock = queue->flows.LockOf(event.flow_id);
    queue->flows.Pin(entry.lock, to->id);
  } else if (entry.type == DLB_SCHED_ORDERED) {
    entry.slot = queue->order.Claim();
  }
  to->in_flight.push(entry);
  to->weight += entry.weight;
  queue->in_flight++;
  queue->turn = (port + 1) & 63;
  Deliver(to, event, queue->backlog.Level());
  if (!to->HasRoom()) ready_ &= ~Bit(port);
}

void Scheduler::Deliver(ConsumerQueue* port, const dlb_event_t& event, uint32_t level) {
  port->ring.Write(event, level);
  port->tokens++;
  knobs_->until_stop.Count();
  port->interrupt.OnArrival(knobs_);
}

void Scheduler::RunPending() {
  const uint32_t mask = pending_;
  pending_ = 0;
  for (unsigned link = 0; link < 8 && ready_ != 0; link++) {
    for (;;) {
      Candidate best;
      for (uint32_t left = mask; left != 0; left &= left - 1) {
        LdbQueue* queue = ldb_queues_[LowestBit(left)].get();
        if (queue->backlog.priorities != 0 && queue->HasRoom()) FindFirst(queue, queue->linked[link] & ready_, &best);
      }
      if (best.queue == nullptr || HasStopped()) break;
      queued_--;
      Place(best.queue, best.port, best.queue->backlog.Remove(&store_, best.priority, best.at, best.before));
    }
  }
}

// Replaces `best` by the queue's first event that one of the ports can take, if that event has a
// better priority, or the same and is older.
void Scheduler::FindFirst(LdbQueue* queue, uint64_t ports, Candidate* best) const {
  if (ports == 0) return;
  for (uint32_t left = queue->backlog.priorities; left != 0; left &= left - 1) {
    const unsigned priority = LowestBit(left);
    if (priority > best->priority) return;
    uint32_t before = kNone;
    for (uint32_t at = queue->backlog.fifos[priority].head; at != kNone; before = at, at = store_[at].next) {
      const uint64_t takers = ports & WhoMayTake(*queue, store_[at].event);
      if (takers == 0) continue;
      const bool older = best->at == kNone || static_cast<int32_t>(store_[at].arrival - store_[best->at].arrival) < 0;
      if (priority < best->priority || older) {
        // A link's priority orders the queues of its port. Among the ports of a queue, only the
        // load counts.
        const uint64_t all = ready_ & queue->AllLinked() & WhoMayTake(*queue, store_[at].event);
        *best = {queue, priority, at, before, LeastLoaded(all, queue->turn)};
      }
      return;
    }
  }
}

uint32_t Scheduler::CountBlocked(const LdbQueue& queue) const {
  uint32_t count = 0;
  for (const Fifo& fifo : queue.backlog.fifos) {
    for (uint32_t at = fifo.head; at != kNone; at = store_[at].next) {
      const dlb_event_t& event = store_[at].event;
      if (TypeOf(event) == DLB_SCHED_ATOMIC && queue.flows.Holder(queue.flows.LockOf(event.flow_id)) != 0) count++;
    }
  }
  return count;
}

}  // namespace dlb_sim
