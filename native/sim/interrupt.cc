#include "interrupt.h"

#include <fcntl.h>

#include "delay_line.h"
#include "settings.h"

namespace dlb_sim {
namespace {

void Signal(const OwnedFd& eventfd) {
  const uint64_t one = 1;
  // A full counter is still readable.
  if (write(eventfd.get(), &one, sizeof one) < 0) return;
}

}  // namespace

bool Interrupt::SetEventfd(int fd) {
  // The descriptor has O_CLOEXEC, since a child could not inherit the kernel's reference.
  auto eventfd = std::make_shared<OwnedFd>(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!eventfd->valid()) return false;
  eventfd_ = std::move(eventfd);
  return true;
}

void Interrupt::Arm(bool tokens_out, Knobs* knobs) {
  armed_ = true;
  if (tokens_out && knobs->fires_on_arming.load(std::memory_order_relaxed)) Fire(knobs);
}

void Interrupt::Fire(Knobs* knobs) {
  armed_ = false;
  if (muted_ || knobs->lost_interrupts.Now()) return;
  knobs->until_lost_interrupt.Count();
  if (knobs->until_lost_interrupt.IsOver()) {
    knobs->until_lost_interrupt.Set(Countdown::kForever);
    return;
  }
  waiters_.notify_all();
  if (eventfd_ == nullptr) return;
  const uint32_t delay = knobs->delay_interrupts_ms.load(std::memory_order_relaxed);
  if (delay == 0) {
    Signal(*eventfd_);
  } else {
    DelayLine::Get().After(std::chrono::milliseconds(delay), [eventfd = eventfd_] { Signal(*eventfd); });
  }
}

void Interrupt::FireSpuriously() {
  if (eventfd_ != nullptr) Signal(*eventfd_);
  waiters_.notify_all();
}

}  // namespace dlb_sim
