#include "port.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace node_dlb::dlb {

Port::Port(std::shared_ptr<DomainState> domain, const Spec& spec, abi::PortHandle handle)
    : domain_(std::move(domain)),
      library_(*domain_->library),
      spec_(spec),
      handle_(handle),
      ring_(spec.most_events + 1) {}

int Port::Attach(uint64_t ticket, int thread) {
  const Guard guard(lock_);
  if (ended_) return kClosed;
  if (ticket_.load(std::memory_order_relaxed) != 0) return kAttached;
  if (abandoned_ && !directed() && ring_.unreleased() > 0) return kOwes;
  abandoned_ = false;
  thread_ = thread;
  ticket_.store(ticket, std::memory_order_release);
  return 0;
}

void Port::Detach(uint64_t ticket, bool abandon) {
  const Guard guard(lock_);
  if (!IsAttached(ticket)) return;
  ChangeWatched(false);
  abandoned_ = abandon;
  ticket_.store(0, std::memory_order_release);
}

int Port::Check(uint64_t ticket) const {
  if (ended_) return kClosed;
  return IsAttached(ticket) ? 0 : kDetached;
}

int Port::Use(uint64_t ticket) {
  const Entry entry(this, ticket);
  return Check(ticket);
}

int Port::Failed() const { return kErrno - (errno > 0 ? errno : EIO); }

// Whether all events fit. For each event this takes two loads and no branch. Only if one does not
// fit is it found out which.
bool Port::FitAll(const abi::Event* events, uint32_t count) const {
  const uint8_t* const targets = domain_->targets.data();
  uint8_t all = DomainState::kFits;
#pragma GCC unroll 8
  for (uint32_t i = 0; i < count; ++i) all &= targets[DomainState::TargetOf(events[i])];
  return all == DomainState::kFits;
}

int Port::CheckTargets(const abi::Event* events, uint32_t count) const {
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t target = domain_->targets[DomainState::TargetOf(events[i])];
    if (target != DomainState::kFits) return target == DomainState::kUnknown ? kUnknownQueue : kWrongScheduling;
  }
  return 0;
}

template <bool kForward>
int Port::SendBy(uint64_t ticket, abi::Event* events, uint32_t count) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  const bool completes = kForward && !directed();
  // libdlb does not check this. A completion that is not owed would be an illegal enqueue, and wrap
  // its counter.
  if (completes && count > ring_.unreleased()) return kReleaseExceeded;
  if (!domain_->started.load(std::memory_order_acquire)) return kNotStarted;
  if (!FitAll(events, count)) return CheckTargets(events, count);
  if (count == 0) return 0;

  const int64_t asked = count;
  // The order is sequentially consistent for the lookout, which costs nothing on x86.
  const int64_t free = domain_->credits_free.fetch_sub(asked, std::memory_order_seq_cst);
  const int64_t granted = std::clamp<int64_t>(free, 0, asked);
  int sent = 0;
  if (granted > 0) {
    const auto number = static_cast<uint32_t>(granted);
    sent = completes ? library_.forward(handle_, number, events) : library_.send(handle_, number, events);
    NoteCreditsGivenBack();
  }
  const int code = sent < 0 ? Failed() : sent;
  const int64_t taken = std::clamp<int64_t>(sent, 0, granted);
  credits_kept_ -= std::min(credits_kept_, static_cast<uint32_t>(taken));
  if (taken < asked) domain_->credits_free.fetch_add(asked - taken, std::memory_order_relaxed);
  if (taken > 0) domain_->lookout.NoteSent();
  if (completes) ring_.Complete(static_cast<uint32_t>(taken));
  return code;
}

int Port::Send(uint64_t ticket, abi::Event* events, uint32_t count) { return SendBy<false>(ticket, events, count); }

int Port::Forward(uint64_t ticket, abi::Event* events, uint32_t count) { return SendBy<true>(ticket, events, count); }

// libdlb's pools have more credits than the bound, which this uses: see DomainState.
int Port::SendBeyond(uint64_t ticket, abi::Event* events, uint32_t count) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (!domain_->started.load(std::memory_order_acquire)) return kNotStarted;
  if (!FitAll(events, count)) return CheckTargets(events, count);
  domain_->credits_free.fetch_sub(count, std::memory_order_seq_cst);
  const int sent = library_.send(handle_, count, events);
  const int code = sent < 0 ? Failed() : sent;
  NoteCreditsGivenBack();
  const uint32_t taken = std::min(static_cast<uint32_t>(std::max(sent, 0)), count);
  credits_kept_ -= std::min(credits_kept_, taken);
  domain_->credits_free.fetch_add(count - taken, std::memory_order_relaxed);
  if (taken > 0) domain_->lookout.NoteSent();
  return code;
}

int Port::Receive(uint64_t ticket, abi::Event* events, uint32_t max) { return ReceiveBy(ticket, events, max, true); }

int Port::ReceiveWithoutPop(uint64_t ticket, abi::Event* events, uint32_t max) {
  return ReceiveBy(ticket, events, max, false);
}

int Port::ReceiveBy(uint64_t ticket, abi::Event* events, uint32_t max, bool pop) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (failure_ != 0 && ring_.waiting() == 0) return std::exchange(failure_, 0);
  const uint32_t waiting = ring_.waiting() == 0 ? 0 : ring_.TakeWaiting(events, max);
  uint32_t received = waiting;
  const uint32_t seen = std::min(unpopped_, waiting);
  if (!pop) {
    unpopped_ -= seen;
    tokens_owed_ += seen;
    tokens_returned_ += waiting - seen;
  } else if (seen > 0) {
    // Tokens that could not be returned now are returned with the next receive.
    PopUnpopped(seen);
  }
  if (max > waiting && (waiting == 0 || MayCqHoldMore())) {
    const int found = ReadCq(events + waiting, max - waiting, false, pop);
    if (found < 0 && waiting == 0) return found;
    // The next receive reports the failure. The loop has to make that receive, because the device
    // may give no further sign.
    if (found < 0) {
      failure_ = found;
      WriteEventfd();
    }
    if (found > 0) {
      const auto count = static_cast<uint32_t>(found);
      if (!directed()) ring_.AppendTaken(events + waiting, count);
      if (!pop) tokens_owed_ += count;
      received += count;
    }
  }
  if (directed()) ring_.Complete(waiting);
  if (received > 0) domain_->credits_free.fetch_add(received, std::memory_order_relaxed);
  return static_cast<int>(received);
}

int Port::Release(uint64_t ticket, uint32_t count) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (count > (directed() ? 0 : ring_.unreleased())) return kReleaseExceeded;
  const int released = ReleaseInDevice(count);
  if (released > 0) ring_.Complete(static_cast<uint32_t>(released));
  return released;
}

// Releases all events, or returns an error if the device fails. It releases a part of them only if
// the device is broken.
int Port::ReleaseInDevice(uint32_t count) {
  // dlb_release has an array of this many events on its stack.
  constexpr uint32_t kChunk = 256;
  if (count > 0) NoteCreditsGivenBack();
  for (uint32_t left = count; left > 0;) {
    const int released = library_.release(handle_, std::min(left, kChunk));
    if (released < 0) return Failed();
    if (released == 0 || static_cast<uint32_t>(released) > left) return kErrno - EIO;
    left -= static_cast<uint32_t>(released);
  }
  return static_cast<int>(count);
}

int Port::Unreleased(uint64_t ticket) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  return directed() ? 0 : static_cast<int>(ring_.unreleased());
}

int Port::Pop(uint64_t ticket, uint32_t count) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (count > tokens_owed_ + tokens_returned_) return kReleaseExceeded;
  const uint32_t returned = std::min(count, tokens_returned_);
  const int popped = count == returned ? 0 : library_.pop_cq(handle_, count - returned);
  if (popped < 0) return Failed();
  tokens_returned_ -= returned;
  tokens_owed_ -= std::min(tokens_owed_, static_cast<uint32_t>(popped));
  return popped + static_cast<int>(returned);
}

int Port::FindLink(int queue) const {
  const auto* const end = links_.begin() + link_count_;
  const auto* const found = std::find(links_.begin(), end, queue);
  return found == end ? -1 : static_cast<int>(found - links_.begin());
}

int Port::Link(uint64_t ticket, int queue, int priority) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  const bool linked = FindLink(queue) >= 0;
  if (!linked && link_count_ == kMaxLinks) return kTooManyLinks;
  if (library_.link_queue(handle_, queue, priority) != 0) return Failed();
  if (!linked) links_[link_count_++] = queue;
  return 0;
}

int Port::Unlink(uint64_t ticket, int queue) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  const int at = FindLink(queue);
  // To libdlb it is an error to unlink what is not linked; in the contract it has no effect.
  if (at < 0) return 0;
  if (library_.unlink_queue(handle_, queue) != 0) return Failed();
  links_[static_cast<size_t>(at)] = links_[--link_count_];
  return 0;
}

int Port::SetEnabled(bool enabled, bool sched_only) {
  const Guard guard(lock_);
  if (ended_) return kClosed;
  const auto call = sched_only ? (enabled ? library_.enable_port_sched : library_.disable_port_sched)
                               : (enabled ? library_.enable_port : library_.disable_port);
  if (call(handle_) != 0) return Failed();
  enabled_.store(enabled, std::memory_order_relaxed);
  if (!sched_only) stopped_ = !enabled;
  // A read that found the port stopped could not arm the interrupt.
  if (!sched_only && enabled && interrupts_) WriteEventfd();
  return 0;
}

void Port::Stop() {
  const Guard guard(lock_);
  ended_ = true;
  ChangeWatched(false);
  // This call fails if the device is gone, and then there is nothing to stop.
  if (handle_ != nullptr) library_.disable_port(handle_);
}

SystemError Port::Close() {
  const Guard guard(lock_);
  if (handle_ == nullptr) return {};
  Empty();
  SystemError error;
  if (library_.detach_port(handle_) != 0) error = {errno > 0 ? errno : EIO, "dlb_detach_port"};
  handle_ = nullptr;
  // A thread that watches the port notices by this: neither disabling nor detaching a port signals.
  if (interrupts_) WriteEventfd();
  return error;
}

void Port::DropEventfd() {
  const Guard guard(lock_);
  eventfd_ = nullptr;
}

}  // namespace node_dlb::dlb
