// The producing half of Port.
#include <algorithm>
#include <cerrno>

#include "domain.h"
#include "port.h"
#include "world.h"

namespace dlb_sim {
namespace {

int Fail(int error) {
  errno = error;
  return -1;
}

// How many tokens a record with this command returns.
uint32_t TokensOf(const dlb_event_t& event, uint8_t command) {
  return command == DLB_CMD_BAT_T ? event.flow_id + 1U : command & 1U;
}

}  // namespace

bool Port::KnowsQueue(const dlb_event_t& event) const {
  if (TypeOf(event) == DLB_SCHED_DIRECTED) return domain_->scheduler.dir_queue(event.queue_id) != nullptr;
  if (event.queue_id >= 128) World::Get().breaches.Add("queue id %d is out of libdlb's table", event.queue_id);
  return domain_->scheduler.ldb_queue(event.queue_id) != nullptr;
}

int Port::CheckSend(uint32_t count, const dlb_event_t* events) const {
  if (!domain_->started) {
    World::Get().breaches.Add("send on port %d of domain %d before its start", id(), domain_->id());
    return EPERM;
  }
  if (!enabled_) return EACCES;
  for (uint32_t i = 0; i < count; i++) {
    if (!KnowsQueue(events[i])) return EINVAL;
  }
  return 0;
}

// How many of the events the faults let through.
uint32_t Port::Allowed(uint32_t count) const {
  Knobs& knobs = World::Get().knobs;
  if (knobs.send_zero.Now()) return 0;
  if (knobs.send_half.Now()) count /= 2;
  return std::min(count, knobs.send_limit.load(std::memory_order_relaxed));
}

unsigned Port::KindOf(const dlb_event_t& event) const {
  return !domain_->combined() && TypeOf(event) == DLB_SCHED_DIRECTED ? 1 : 0;
}

int Port::SendAll(uint32_t count, dlb_event_t* events, uint8_t command) {
  if (events == nullptr) return Fail(EINVAL);
  const std::lock_guard lock(domain_->mutex);
  if (const int error = CheckSend(count, events)) return Fail(error);
  credits_.OnProduce();
  const uint32_t allowed = Allowed(count);
  uint32_t sent = 0;
  for (; sent < allowed && credits_.Spend(KindOf(events[sent])); sent++) {
    if (command == DLB_CMD_FWD) CountForward();
    events[sent].command = command;
    domain_->transit.Write(cq_, events[sent], command);
  }
  if (sent < allowed || allowed == count) credits_.OnSent(count, sent);
  domain_->scheduler.Run();
  return static_cast<int>(sent);
}

int Port::Send(uint32_t count, dlb_event_t* events) { return SendAll(count, events, DLB_CMD_NEW); }

int Port::Forward(uint32_t count, dlb_event_t* events) {
  return SendAll(count, events, directed() ? DLB_CMD_NEW : DLB_CMD_FWD);
}

void Port::CountForward() {
  if (owed_ == 0) {
    World::Get().breaches.Add("forward of more than port %d of domain %d received", id(), domain_->id());
  }
  owed_--;
}

int Port::Release(uint32_t count) {
  if (directed()) return Fail(EINVAL);
  const std::lock_guard lock(domain_->mutex);
  if (!domain_->started) return Fail(EPERM);
  if (count > owed_) {
    World::Get().breaches.Add("release of %u events on port %d of domain %d, which owes %u", count, id(), domain_->id(),
                              owed_);
    count = owed_;
  }
  credits_.OnProduce();
  for (uint32_t i = 0; i < count; i++) domain_->transit.Write(cq_, {}, DLB_CMD_REL);
  owed_ = static_cast<uint16_t>(owed_ - count);
  domain_->scheduler.Run();
  return static_cast<int>(count);
}

void Port::WriteTokens(uint32_t count) {
  dlb_event_t event{};
  event.flow_id = static_cast<uint16_t>(count - 1);
  owed_tokens_ -= count;
  domain_->transit.Write(cq_, event, DLB_CMD_BAT_T);
}

int Port::Pop(uint32_t count) {
  const std::lock_guard lock(domain_->mutex);
  if (!domain_->started) return Fail(EPERM);
  if (count > owed_tokens_) {
    World::Get().breaches.Add("pop of %u tokens on port %d of domain %d, which owes %u", count, id(), domain_->id(),
                              owed_tokens_);
    count = owed_tokens_;
  }
  credits_.OnProduce();
  if (count > 0) WriteTokens(count);
  domain_->scheduler.Run();
  return static_cast<int>(count);
}

// The user's command as the library writes it; NOOP if it is not a command.
uint8_t Port::AdvancedCommand(const dlb_event_t& event) const {
  const uint8_t command = event.command & 15;
  switch (command) {
    case DLB_CMD_FWD:
    case DLB_CMD_FWD_T:
      return directed() ? static_cast<uint8_t>(command & ~2) : command;
    case DLB_CMD_BAT_T:
    case DLB_CMD_REL:
    case DLB_CMD_REL_T:
    case DLB_CMD_NEW:
    case DLB_CMD_NEW_T:
    case DLB_CMD_FRAG:
    case DLB_CMD_FRAG_T:
      return command;
    default:
      return DLB_CMD_NOOP;
  }
}

// Whether the port owes all that these events complete and return.
bool Port::OwesAll(uint32_t count, const dlb_event_t* events) const {
  uint64_t completions = 0;
  uint64_t tokens = 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t command = AdvancedCommand(events[i]);
    tokens += TokensOf(events[i], command);
    if ((command & 14) == DLB_CMD_REL || (command & 14) == DLB_CMD_FWD) completions++;
  }
  return completions <= (directed() ? 0 : owed_) && tokens <= owed_tokens_;
}

int Port::AdvancedSend(uint32_t count, dlb_event_t* events) {
  if (events == nullptr) return Fail(EINVAL);
  const std::lock_guard lock(domain_->mutex);
  const auto carries = [](const dlb_event_t& event) { return (event.command & 8) != 0; };
  if (!domain_->started) return Fail(EPERM);
  for (uint32_t i = 0; i < count; i++) {
    if (carries(events[i]) && !KnowsQueue(events[i])) return Fail(EINVAL);
  }
  if (!enabled_) return Fail(EACCES);
  if (!OwesAll(count, events)) return Fail(EINVAL);
  credits_.OnProduce();
  const uint32_t allowed = Allowed(count);
  uint32_t sent = 0;
  for (; sent < allowed; sent++) {
    dlb_event_t* event = &events[sent];
    // This takes DLB 2.0's path, on 2.5 too: directed events take the directed pool's credits, and
    // the weight is erased.
    if (carries(*event) && !credits_.Spend(TypeOf(*event) == DLB_SCHED_DIRECTED ? 1 : 0)) break;
    event->command = AdvancedCommand(*event);
    event->weight = 0;
    if ((event->command & 14) == DLB_CMD_REL || (event->command & 14) == DLB_CMD_FWD) owed_--;
    owed_tokens_ -= TokensOf(*event, event->command);
    domain_->transit.Write(cq_, *event, event->command);
  }
  domain_->scheduler.Run();
  return static_cast<int>(sent);
}

}  // namespace dlb_sim
