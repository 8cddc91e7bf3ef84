#ifndef DLB_SIM_INTERRUPT_H
#define DLB_SIM_INTERRUPT_H

#include <condition_variable>
#include <memory>

#include "owned_fd.h"

namespace dlb_sim {

struct Knobs;

// A consumer queue's interrupt. It is one-shot once armed. It writes to an eventfd if there is one,
// and wakes the threads that wait in the driver otherwise. Under the domain's lock, except that a
// delayed write comes from the delay line's thread.
class Interrupt {
 public:
  // Sets the eventfd. The driver keeps a reference of its own until the domain ends.
  bool SetEventfd(int fd);
  // The device has no vector for this interrupt: it never fires, armed or not.
  void Mute() { muted_ = true; }
  bool has_eventfd() const { return eventfd_ != nullptr; }

  void Arm(bool tokens_out, Knobs* knobs);
  void OnArrival(Knobs* knobs) {
    if (armed_) Fire(knobs);
  }
  // Fires without an event, and leaves the interrupt armed.
  void FireSpuriously();

  // Ends all waits, because the port was disabled or the device reset.
  void WakeWaiters() { waiters_.notify_all(); }
  std::condition_variable* waiters() { return &waiters_; }

 private:
  void Fire(Knobs* knobs);

  bool armed_ = false;
  bool muted_ = false;
  std::shared_ptr<OwnedFd> eventfd_;
  std::condition_variable waiters_;
};

}  // namespace dlb_sim

#endif
