#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "port.h"

// How a port looks into its consumer queue, and how its thread learns that there is something.
//
// With an eventfd, dlb_recv reads it when the CQ is empty, and arms the interrupt again only if
// there was something to read; else it prints a line to stdout. So nobody else may read it, but
// everybody may write it, and that is what we do before any look that no wake caused: libdlb's read
// then succeeds, nothing is printed, and the interrupt is armed. For the same reason a write is all
// that it takes to make the loop look: there is one path for wakes, for a callback that is set
// while events wait, for what a callback has left, and for looks that no interrupt asked for
// (lookout.h).
//
// The eventfd is given to libdlb when a callback is first set, and not before: ports that are
// polled need none.
namespace node_dlb::dlb {
namespace {

// Not 0, which libdlb takes for "no eventfd"; and not 1 or 2, which a program that closed them may
// open again.
Fd MakeEventfd() {
  Fd fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd || fd.get() > 2) return fd;
  return Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

}  // namespace

// Looks into the CQ, under the lock; returns how many events it wrote, or a PortCode.
int Port::Look(abi::Event* events, uint32_t max, bool wait, bool pop) {
  const uint32_t limit = directed() ? max : std::min(max, ring_.room());
  if (limit == 0) return 0;
  if (!domain_->started.load(std::memory_order_acquire)) {
    // Nothing can be there. Start signals.
    if (interrupts_) ClearSignal();
    return 0;
  }
  if (interrupts_ && !signalled_.load(std::memory_order_relaxed)) WriteEventfd();
  signalled_.store(false, std::memory_order_relaxed);
  const bool gives_back = pop && credits_kept_ + limit > kMostKept;
  const int found = !pop         ? library_.recv_no_pop(handle_, limit, wait, events)
                    : gives_back ? LookAndGiveBack(events, limit, wait)
                                 : library_.recv(handle_, limit, wait, events);
  const int error = errno;
  if (found > 0) credits_kept_ += static_cast<uint32_t>(found);
  if (found > 0 && gives_back) NoteGivenBack();
  if (found > 0) finds_.store(finds_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (found >= 0) return found;
  // Disabled, with an empty CQ. Nothing to receive, but libdlb did not read the eventfd, which
  // would wake the loop for ever. Enabling signals again, so that the interrupt gets armed.
  if (interrupts_) ClearSignal();
  if (error != EACCES) return kErrno - (error > 0 ? error : EIO);
  if (stopped_ || (!enabled() && !domain_->device_was_reset.load(std::memory_order_relaxed))) return 0;
  // We did not disable it, so libdlb did: the device was reset.
  domain_->device_was_reset = true;
  return kErrno - EACCES;
}

// The credits of received events stay with the port. It gives back what it has beyond 64 when it
// sends, releases or pops: a port that does nothing but receive would keep them all, and the
// senders starve. The pop that is part of dlb_recv is not relied on for it, so here it is made by
// itself.
int Port::LookAndGiveBack(abi::Event* events, uint32_t max, bool wait) {
  const int found = library_.recv_no_pop(handle_, max, wait, events);
  if (found <= 0) return found;
  // What it did not pop stays owed, and would leave the CQ that much shallower: nothing says that
  // it can fail.
  for (int popped = 0; popped < found;) {
    const int now = library_.pop_cq(handle_, static_cast<uint32_t>(found - popped));
    if (now <= 0) break;
    popped += now;
  }
  return found;
}

// After the look that a wake began: whether another one can find more. Without the answer, it would
// cost a write, a read and an arming to look into an empty CQ.
bool Port::MayHoldMore() const {
  if (!interrupts_ || signalled_.load(std::memory_order_relaxed)) return true;
  pollfd entry{eventfd_->get(), POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

int Port::Peek(uint64_t ticket, bool wait) {
  const Turn turn(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (ring_.waiting() > 0) return 1;
  if (failure_ != 0) return failure_;
  abi::Event event;
  const int found = Look(&event, 1, wait);
  // Kept: what failed once may work when the callback receives, and the failure would have been
  // told to nobody.
  if (found < 0) failure_ = found;
  if (found <= 0) return found;
  ring_.Append(&event, 1);
  return 1;
}

int Port::EnableEventfd(uint64_t ticket) {
  const Turn turn(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (announces_) return 0;
  if (eventfd_ == nullptr) {
    Fd fd = MakeEventfd();
    if (!fd) return Failed();
    eventfd_ = std::make_shared<const Fd>(std::move(fd));
  }
  // libdlb reads the eventfd from here on, even if the call fails, and whoever asks again has to
  // get the same one.
  interrupts_ = true;
  announces_ = library_.enable_cq_epoll(handle_, !directed(), eventfd_->get()) == 0;
  return announces_ ? 0 : Failed();
}

void Port::SetWatched(uint64_t ticket, bool watched) {
  const Turn turn(this, ticket);
  // Another thread may have closed the domain meanwhile.
  if (Check(ticket) == 0) ChangeWatched(watched);
}

void Port::ChangeWatched(bool watched) {
  if (watched_.exchange(watched, std::memory_order_relaxed) == watched) return;
  if (watched) {
    domain_->lookout.Watch();
  } else {
    domain_->lookout.Unwatch();
  }
}

void Port::Signal() {
  const Guard guard(lock_);
  WriteEventfd();
}

void Port::SignalMyself(uint64_t ticket) {
  const Turn turn(this, ticket);
  WriteEventfd();
}

void Port::SignalRest(uint64_t ticket) {
  const Turn turn(this, ticket);
  if (ring_.waiting() > 0) WriteEventfd();
}

void Port::WriteEventfd() {
  const uint64_t one = 1;
  // It can fail only when the counter is full, and then the eventfd is readable.
  while (eventfd_ != nullptr && write(eventfd_->get(), &one, sizeof one) < 0 && errno == EINTR) continue;
}

void Port::ClearSignal() {
  uint64_t count = 0;
  while (read(eventfd_->get(), &count, sizeof count) < 0 && errno == EINTR) continue;
}

std::shared_ptr<const Fd> Port::eventfd() {
  const Guard guard(lock_);
  return eventfd_;
}

int Port::SetWaitProfile(uint64_t ticket, const abi::WaitProfile& profile) {
  const Turn turn(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (library_.set_wait_profile == nullptr) return kUnsupported;
  return library_.set_wait_profile(handle_, 0, profile) == 0 ? 0 : Failed();
}

int Port::GetWaitProfile(uint64_t ticket, abi::WaitProfile* profile) {
  const Turn turn(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (library_.get_wait_profile == nullptr) return kUnsupported;
  *profile = {};
  return library_.get_wait_profile(handle_, 0, profile) == 0 ? 0 : Failed();
}

}  // namespace node_dlb::dlb
