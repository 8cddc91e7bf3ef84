#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "port.h"

// How a port reads its consumer queue, and how its thread learns that there is something to
// receive.
//
// With an eventfd, dlb_recv reads it when the CQ is empty, and arms the interrupt again only if
// there was something to read; otherwise it prints a line to stdout. No other code may therefore
// read the eventfd, but any may write it. The binding writes it before every read of the CQ that no
// wake caused: libdlb's read of the eventfd then succeeds, nothing is printed, and the interrupt is
// armed. For the same reason, a write is enough to make the loop read the CQ. All wakes take this
// path: interrupts, a callback that is set while events wait, events that a callback has left, and
// the wakes of the lookout (lookout.h).
//
// The eventfd is given to libdlb when a callback is first set, and not before: ports that are
// polled need none.
namespace node_dlb::dlb {
namespace {

// Makes an eventfd with a number above 2. For libdlb, 0 means "no eventfd", and a program that has
// closed 1 or 2 may open them again.
Fd MakeEventfd() {
  Fd fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd || fd.get() > 2) return fd;
  return Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

}  // namespace

// Reads the CQ, under the lock. Returns how many events it wrote, or a PortCode.
int Port::ReadCq(abi::Event* events, uint32_t max, bool wait, bool pop) {
  const uint32_t limit = directed() ? max : std::min(max, ring_.room());
  if (limit == 0) return 0;
  if (!domain_->started.load(std::memory_order_acquire)) {
    // There can be no events. Start signals the port.
    if (interrupts_) ClearSignal();
    return 0;
  }
  if (interrupts_ && !signalled_.load(std::memory_order_relaxed)) WriteEventfd();
  signalled_.store(false, std::memory_order_relaxed);
  const bool gives_back = pop && credits_kept_ + limit > kMostKept;
  const int found = !pop         ? library_.recv_no_pop(handle_, limit, wait, events)
                    : gives_back ? ReadCqAndPop(events, limit, wait)
                                 : library_.recv(handle_, limit, wait, events);
  const int error = errno;
  if (found > 0) credits_kept_ += static_cast<uint32_t>(found);
  if (found > 0 && gives_back) NoteCreditsGivenBack();
  if (found > 0) nonempty_reads_.store(nonempty_reads_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (found >= 0) return found;
  // The port is disabled, and its CQ is empty. There is nothing to receive, but libdlb did not read
  // the eventfd, which would wake the loop for ever. Enabling the port signals again, so that the
  // interrupt gets armed.
  if (interrupts_) ClearSignal();
  if (error != EACCES) return kErrno - (error > 0 ? error : EIO);
  if (stopped_ || (!enabled() && !domain_->device_was_reset.load(std::memory_order_relaxed))) return 0;
  // The binding did not disable the port, so libdlb did: the device was reset.
  domain_->device_was_reset = true;
  return kErrno - EACCES;
}

// The credits of received events stay with the port, which gives back all but a batch of them when
// it sends, releases or pops while it has more than 64. A port that only receives would keep them
// all, and the senders would starve. The pop that is part of dlb_recv may not give any back, so
// this function makes the pop a call of its own.
int Port::ReadCqAndPop(abi::Event* events, uint32_t max, bool wait) {
  const int found = library_.recv_no_pop(handle_, max, wait, events);
  if (found <= 0) return found;
  // Tokens that were not popped would stay owed, and leave the CQ that much shallower. libdlb
  // documents no failure of the pop.
  for (int popped = 0; popped < found;) {
    const int now = library_.pop_cq(handle_, static_cast<uint32_t>(found - popped));
    if (now <= 0) break;
    popped += now;
  }
  return found;
}

// Whether a further read in the same wake can find more. Without this check, it would cost a write,
// a read and an arming to read an empty CQ.
bool Port::MayCqHoldMore() const {
  if (!interrupts_ || signalled_.load(std::memory_order_relaxed)) return true;
  pollfd entry{eventfd_->get(), POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

int Port::CheckForEvents(uint64_t ticket, bool wait) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (ring_.waiting() > 0) return 1;
  if (failure_ != 0) return failure_;
  abi::Event event;
  const int found = ReadCq(&event, 1, wait);
  // The failure is kept, because the callback's receive may succeed, and nobody would learn of the
  // failure.
  if (found < 0) failure_ = found;
  if (found <= 0) return found;
  ring_.Append(&event, 1);
  return 1;
}

int Port::EnableEventfd(uint64_t ticket) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (announces_) return 0;
  if (eventfd_ == nullptr) {
    Fd fd = MakeEventfd();
    if (!fd) return Failed();
    eventfd_ = std::make_shared<const Fd>(std::move(fd));
  }
  // libdlb reads the eventfd from here on, even if the call fails, and a later call has to pass the
  // same one.
  interrupts_ = true;
  announces_ = library_.enable_cq_epoll(handle_, !directed(), eventfd_->get()) == 0;
  return announces_ ? 0 : Failed();
}

void Port::SetWatched(uint64_t ticket, bool watched) {
  const Entry entry(this, ticket);
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
  const Entry entry(this, ticket);
  WriteEventfd();
}

void Port::SignalIfWaiting(uint64_t ticket) {
  const Entry entry(this, ticket);
  if (ring_.waiting() > 0) WriteEventfd();
}

void Port::WriteEventfd() {
  const uint64_t one = 1;
  // The write can fail only when the counter is full, and then the eventfd is readable.
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
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (library_.set_wait_profile == nullptr) return kUnsupported;
  return library_.set_wait_profile(handle_, 0, profile) == 0 ? 0 : Failed();
}

int Port::GetWaitProfile(uint64_t ticket, abi::WaitProfile* profile) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (library_.get_wait_profile == nullptr) return kUnsupported;
  *profile = {};
  return library_.get_wait_profile(handle_, 0, profile) == 0 ? 0 : Failed();
}

}  // namespace node_dlb::dlb
