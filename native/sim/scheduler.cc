#include "scheduler.h"

#include "bits.h"

namespace dlb_sim {

void Scheduler::AddLdbQueue(uint8_t id, uint32_t sequence_numbers, uint32_t locks, uint32_t in_flight_limit) {
  ldb_queues_[id] = std::make_unique<LdbQueue>(id, sequence_numbers, locks, in_flight_limit);
}

ConsumerQueue* Scheduler::AddPort(uint8_t id, bool directed, uint32_t depth, uint32_t entries) {
  auto& place = directed ? dir_ports_[id] : ldb_ports_[id];
  place = std::make_unique<ConsumerQueue>(id, directed, depth, layout_, entries);
  Refresh(place.get());
  return place.get();
}

void Scheduler::Link(ConsumerQueue* port, uint8_t queue, unsigned priority) {
  ldb_queues_[queue]->Link(Bit(port->id), priority);
  port->queues |= 1U << queue;
  pending_ |= 1U << queue;
  Run();
}

void Scheduler::Unlink(ConsumerQueue* port, uint8_t queue) {
  ldb_queues_[queue]->Unlink(Bit(port->id));
  port->queues &= ~(1U << queue);
}

void Scheduler::Enable(ConsumerQueue* port, bool enabled) {
  port->enabled = enabled;
  Refresh(port);
  Run();
}

void Scheduler::Start() {
  running_ = true;
  for (const auto& port : ldb_ports_) {
    if (port != nullptr) Refresh(port.get());
  }
  for (const auto& port : dir_ports_) {
    if (port != nullptr) Refresh(port.get());
  }
  Run();
}

void Scheduler::Die() {
  dead_ = true;
  ready_ = 0;
  for (const auto& queue : ldb_queues_) {
    if (queue != nullptr) Lose(&queue->backlog);
  }
  for (const auto& queue : dir_queues_) {
    if (queue != nullptr) Lose(&queue->backlog);
  }
}

void Scheduler::Lose(Backlog* backlog) {
  for (Fifo& fifo : backlog->fifos) {
    for (; !fifo.empty(); queued_--) store_.RemoveHead(&fifo);
  }
  backlog->priorities = 0;
  backlog->depth = 0;
}

void Scheduler::Take(ConsumerQueue* from, const dlb_event_t& event, uint8_t command) {
  switch (command & 14) {
    case DLB_CMD_NEW:
      Accept(event);
      break;
    case DLB_CMD_FWD:
      Forward(from, event);
      break;
    case DLB_CMD_FRAG:
      Fragment(from, event);
      break;
    case DLB_CMD_REL:
      Complete(from);
      break;
    default:
      break;
  }
  if (command == DLB_CMD_BAT_T) {
    ReturnTokens(from, event.flow_id + 1U);
  } else if ((command & 1) != 0) {
    ReturnTokens(from, 1);
  }
}

void Scheduler::Forward(ConsumerQueue* from, const dlb_event_t& event) {
  if (from->in_flight.size() == 0) return errors_->OnHardwareError("a forward without an event to complete");
  const InFlight oldest = from->in_flight.front();
  if (oldest.type != DLB_SCHED_ORDERED) {
    Complete(from);
    Accept(event);
    return;
  }
  if (!ldb_queues_[oldest.queue]->order.Attach(oldest.slot, &store_, event)) {
    errors_->OnHardwareError("more than 16 fragments of one event");
  }
  Complete(from);
}

void Scheduler::Fragment(ConsumerQueue* from, const dlb_event_t& event) {
  if (!fragments_) return errors_->OnHardwareError("a fragment, which DLB 2.0 does not have");
  if (from->directed || from->in_flight.size() == 0) {
    return errors_->OnHardwareError("a fragment without an event that it is of");
  }
  const InFlight oldest = from->in_flight.front();
  if (oldest.type != DLB_SCHED_ORDERED) return Accept(event);
  if (!ldb_queues_[oldest.queue]->order.Attach(oldest.slot, &store_, event)) {
    errors_->OnHardwareError("more than 16 fragments of one event");
  }
}

void Scheduler::Complete(ConsumerQueue* from) {
  if (from->in_flight.size() == 0) return errors_->OnHardwareError("a completion without an event");
  const InFlight done = from->in_flight.pop();
  from->weight -= done.weight;
  LdbQueue* queue = ldb_queues_[done.queue].get();
  if (!queue->HasRoom()) pending_ |= 1U << queue->id;
  queue->in_flight--;
  // This comes first: what follows may find its place here.
  Refresh(from);
  if (done.type == DLB_SCHED_ATOMIC) {
    if (queue->flows.Unpin(done.lock)) pending_ |= 1U << queue->id;
  } else if (done.type == DLB_SCHED_ORDERED) {
    queue->order.MarkDone(done.slot);
    FlushOrder(queue);
  }
}

void Scheduler::FlushOrder(LdbQueue* queue) {
  Fifo pieces;
  while (queue->order.PopDone(&pieces)) {
    // This comes before Accept: a piece may go to this same queue, behind events that wait for a
    // sequence number there.
    pending_ |= 1U << queue->id;
    while (!pieces.empty()) Accept(store_.RemoveHead(&pieces));
  }
}

void Scheduler::ReturnTokens(ConsumerQueue* port, uint32_t count) {
  if (count > port->tokens) {
    errors_->OnHardwareError("more tokens returned than there are");
    count = port->tokens;
  }
  port->tokens -= count;
  Refresh(port);
}

void Scheduler::Refresh(ConsumerQueue* port) {
  if (!running_ || dead_) return;
  if (port->directed) return PullDirected(port);
  const uint64_t bit = Bit(port->id);
  if (!port->HasRoom()) {
    ready_ &= ~bit;
  } else if ((ready_ & bit) == 0) {
    ready_ |= bit;
    pending_ |= port->queues;
  }
}

void Scheduler::PullDirected(ConsumerQueue* port) {
  DirQueue* queue = dir_queues_[port->id].get();
  while (queue != nullptr && queue->backlog.priorities != 0 && port->HasRoom() && !HasStopped()) {
    const unsigned priority = LowestBit(queue->backlog.priorities);
    const uint32_t level = queue->backlog.Level();
    Deliver(port, queue->backlog.Remove(&store_, priority, queue->backlog.fifos[priority].head, kNone), level);
    queued_--;
  }
}

void Scheduler::Accept(const dlb_event_t& event) {
  if (dead_) return;
  if (refused_) return errors_->OnHardwareError("an event for a domain whose start was refused");
  TypeOf(event) == DLB_SCHED_DIRECTED ? AcceptDirected(event) : AcceptLoadBalanced(event);
}

void Scheduler::AcceptDirected(const dlb_event_t& event) {
  DirQueue* queue = dir_queue(event.queue_id);
  if (queue == nullptr) return errors_->OnHardwareError("an event for a directed queue that is not there");
  queue->backlog.CountArrival();
  ConsumerQueue* port = dir_ports_[event.queue_id].get();
  if (running_ && port != nullptr && queue->backlog.priorities == 0 && port->HasRoom() && !HasStopped()) {
    return Deliver(port, event, queue->backlog.Level());
  }
  if (!queue->backlog.Append(&store_, event)) return errors_->OnHardwareError("an event without a credit");
  queued_++;
}

void Scheduler::AcceptLoadBalanced(const dlb_event_t& event) {
  LdbQueue* queue = ldb_queue(event.queue_id);
  if (queue == nullptr) return errors_->OnHardwareError("an event for a load-balanced queue that is not there");
  if (!IsLegal(*queue, event)) return;
  queue->backlog.CountArrival();
  if (PlaceNow(queue, event)) return;
  if (!queue->backlog.Append(&store_, event)) return errors_->OnHardwareError("an event without a credit");
  queued_++;
}

bool Scheduler::IsLegal(const LdbQueue& queue, const dlb_event_t& event) {
  const uint8_t type = TypeOf(event);
  if (type == DLB_SCHED_ORDERED && !queue.order.exists()) {
    errors_->OnHardwareError("an ordered event for a queue without sequence numbers");
    return false;
  }
  if (type == DLB_SCHED_UNORDERED && queue.order.exists()) {
    errors_->OnHardwareError("an unordered event for a queue with sequence numbers");
    return false;
  }
  return true;
}

}  // namespace dlb_sim
