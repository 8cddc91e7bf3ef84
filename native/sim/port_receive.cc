// The receiving half of Port.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>
#include <unistd.h>

#include "domain.h"
#include "port.h"
#include "world.h"

namespace dlb_sim {
namespace {

constexpr uint8_t kErrorFlag = 1 << 5;
// How often a wait reads the CQ by itself when the interrupts go to an eventfd.
constexpr auto kTick = std::chrono::milliseconds(4);

int Fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

int Port::Receive(const Receiver& receiver, uint32_t max, bool wait, bool pop, dlb_event_t* events) {
  if (events == nullptr) return Fail(EINVAL);
  Lock lock(domain_->mutex);
  if (!domain_->started) {
    World::Get().breaches.Add("receive on port %d of domain %d before its start", id(), domain_->id());
    return Fail(EPERM);
  }
  domain_->transit.Settle();
  if (wait && max > 0 && !IsThereSomething()) {
    if (const int error = Wait(receiver.profile, &lock)) return Fail(error);
  }
  const uint32_t count = TakeEvents(max, events);
  if (count == 0 && !enabled_) return Fail(EACCES);
  const bool looked = count < max || World::Get().knobs.exact_receives_look.load(std::memory_order_relaxed);
  const bool emptied = receiver.eventfd > 0 && looked && cq_->ring.Next() == nullptr;
  // This comes before the tokens go back. It is libdlb's order, and makes a device that compares
  // tokens fire once more.
  if (emptied) Rearm(receiver.eventfd, &lock);
  owed_tokens_ += count;
  if (pop && count > 0) WriteTokens(count);
  owed_ = static_cast<uint16_t>(owed_ + (directed() ? 0 : count));
  credits_.OnReceive(count, directed() && !domain_->combined() ? 1 : 0);
  if (emptied) credits_.OnIdle();
  domain_->scheduler.Run();
  return static_cast<int>(count);
}

uint32_t Port::TakeEvents(uint32_t max, dlb_event_t* events) {
  uint32_t count = 0;
  EveryNth& error_flag = World::Get().knobs.error_flag;
  for (; count < max; count++) {
    const dlb_event_t* next = cq_->ring.Next();
    if (next == nullptr) break;
    events[count] = *next;
    cq_->ring.Advance();
    if (error_flag.Now()) events[count].command |= kErrorFlag;
  }
  return count;
}

// The read and the arming are two steps: an event that arrives between them is announced only by a
// device that compares tokens. The lock is therefore not held over both.
void Port::Rearm(int eventfd, Lock* lock) {
  const int before = errno;
  lock->unlock();
  const uint32_t window = World::Get().knobs.slow_looks_ms.load(std::memory_order_relaxed);
  if (window != 0) std::this_thread::sleep_for(std::chrono::milliseconds(window));
  uint64_t wakes = 0;
  const bool woken = read(eventfd, &wakes, sizeof wakes) == sizeof wakes;
  if (!woken && errno == EBADF) {
    World::Get().breaches.Add("eventfd %d of port %d of domain %d is closed", eventfd, id(), domain_->id());
  }
  if (!woken) std::printf("[__dlb_recv()] Error: epoll read\n");
  lock->lock();
  Knobs& knobs = World::Get().knobs;
  if (woken) cq_->interrupt.Arm(cq_->tokens > 0, &knobs);
  if (knobs.spurious_interrupts.Now()) cq_->interrupt.FireSpuriously();
  errno = before;
}

int Port::Wait(const dlb_wait_profile_t& profile, Lock* lock) {
  credits_.OnIdle();
  if (profile.type == DLB_WAIT_INTR || profile.type == DLB_WAIT_INTR_LOW_POWER) {
    WaitForInterrupt(lock);
  } else {
    PollForEvents(profile, lock);
  }
  return cq_->ring.Next() == nullptr && was_reset_ ? EINTR : 0;
}

void Port::WaitForInterrupt(Lock* lock) {
  Interrupt& interrupt = cq_->interrupt;
  while (!IsThereSomething()) {
    if (interrupt.has_eventfd()) {
      // The interrupt goes to the eventfd, and none comes here.
      interrupt.waiters()->wait_for(*lock, kTick);
    } else {
      interrupt.Arm(false, &World::Get().knobs);
      interrupt.waiters()->wait(*lock);
    }
  }
}

void Port::PollForEvents(const dlb_wait_profile_t& profile, Lock* lock) {
  using std::chrono::nanoseconds;
  const auto deadline = std::chrono::steady_clock::now() + nanoseconds(static_cast<int64_t>(profile.timeout_value_ns));
  while (!IsThereSomething() && std::chrono::steady_clock::now() < deadline) {
    lock->unlock();
    if (profile.type == DLB_WAIT_TIMEOUT_SLEEP_POLL) {
      std::this_thread::sleep_for(nanoseconds(static_cast<int64_t>(profile.sleep_duration_ns)));
    } else {
      std::this_thread::yield();
    }
    lock->lock();
  }
}

void Port::Enable() {
  const std::lock_guard lock(domain_->mutex);
  enabled_ = !was_reset_;
  domain_->scheduler.Enable(cq_, true);
}

void Port::Disable() {
  const std::lock_guard lock(domain_->mutex);
  enabled_ = false;
  domain_->scheduler.Enable(cq_, false);
  credits_.ReturnAll();
  // This wakes the threads that wait in a receive, but does not write the eventfd.
  cq_->interrupt.WakeWaiters();
}

void Port::SetScheduling(bool on) {
  const std::lock_guard lock(domain_->mutex);
  domain_->scheduler.Enable(cq_, on);
}

void Port::OnDeviceReset() {
  enabled_ = false;
  was_reset_ = true;
  cq_->interrupt.WakeWaiters();
}

void Port::StartEpoll(int eventfd) {
  const std::lock_guard lock(domain_->mutex);
  if (!cq_->interrupt.SetEventfd(eventfd)) {
    World::Get().breaches.Add("dlb_enable_cq_epoll with %d, which is no descriptor", eventfd);
  }
  if (!has_vector_) has_vector_ = domain_->TakeVector();
  if (!has_vector_) cq_->interrupt.Mute();
  cq_->interrupt.Arm(cq_->tokens > 0, &World::Get().knobs);
}

}  // namespace dlb_sim
