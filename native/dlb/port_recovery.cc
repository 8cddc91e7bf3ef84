#include <algorithm>
#include <array>
#include <cerrno>

#include "port.h"

// The calls that other threads make on a port, and those that are made when no thread has it.
namespace node_dlb::dlb {
namespace {

// The bits of a command.
constexpr uint8_t kToken = 1;
constexpr uint8_t kCompletion = 2;
constexpr uint8_t kEnqueue = 8;

}  // namespace

int Port::UnlinkAll() {
  while (link_count_ > 0) {
    if (library_.unlink_queue(handle_, links_[link_count_ - 1]) != 0) return Failed();
    --link_count_;
  }
  return 0;
}

uint32_t Port::waiting() {
  const Guard guard(lock_);
  return ring_.waiting();
}

// The events are completed in the device before they are returned. If that fails, they stay where
// they are.
int Port::Recover(abi::Event* events, uint32_t max) {
  const Guard guard(lock_);
  if (ended_) return kClosed;
  if (ticket_.load(std::memory_order_relaxed) != 0) return kAttached;
  if (const int code = UnlinkAll()) return code;
  if (const int code = PopUnpopped(unpopped_)) return code;
  if (ring_.count() < max) {
    std::array<abi::Event, 64> found;
    const uint32_t room = std::min<uint32_t>(ring_.room(), found.size());
    const int count = room == 0 ? 0 : ReadCq(found.data(), std::min(max - ring_.count(), room), false);
    if (count < 0) return count;
    ring_.Append(found.data(), static_cast<uint32_t>(count));
  }
  const uint32_t count = std::min(max, ring_.count());
  if (!directed()) {
    if (const int code = ReleaseInDevice(count); code < 0) return code;
  }
  const uint32_t unreceived = ring_.TakeOldest(events, count);
  domain_->credits_free.fetch_add(unreceived, std::memory_order_relaxed);
  return static_cast<int>(count);
}

// Completes and takes everything that the device has of the port. Otherwise the driver would have
// to take out what a reset finds in a CQ, or uncompleted. Failures are ignored, because the device
// may be gone.
void Port::Empty() {
  if (!domain_->started) return;
  PopUnpopped(unpopped_);
  std::array<abi::Event, 64> events;
  const auto complete = [this](uint32_t count) { return directed() || count == 0 || ReleaseInDevice(count) >= 0; };
  if (!complete(ring_.count())) return;
  // There is at most a CQ of events, and what was on its way to it.
  for (int rounds = 0; rounds < 64; ++rounds) {
    const int found = ReadCq(events.data(), static_cast<uint32_t>(events.size()), false);
    if (found <= 0 || !complete(static_cast<uint32_t>(found))) return;
  }
}

// Reads the CQ into the ring, for a thread other than the port's. The port's thread finds the
// events in the ring, and is woken to receive them. Their tokens are returned once they are
// received, so that the effective depth of the consumer queue stays the same. Returns the number of
// events, or libdlb's error.
int Port::ReadCqFromOutside(uint32_t max) {
  std::array<abi::Event, 64> events;
  const uint32_t room = std::min<uint32_t>({max, ring_.room(), static_cast<uint32_t>(events.size())});
  if (room == 0) return 0;
  if (interrupts_) WriteEventfd();
  signalled_.store(false, std::memory_order_relaxed);
  const int found = library_.recv_no_pop(handle_, room, false, events.data());
  const int error = errno;
  if (found > 0) {
    unpopped_ += static_cast<uint32_t>(found);
    ring_.Append(events.data(), static_cast<uint32_t>(found));
    credits_kept_ += static_cast<uint32_t>(found);
  }
  if (interrupts_) WriteEventfd();
  return found < 0 ? kErrno - error : found;
}

bool Port::IsDead() {
  const Guard guard(lock_);
  if (ended_ || stopped_ || !domain_->started) return false;
  // libdlb reports it only when the CQ is empty. The events in it belong to the port's thread.
  int found = 0;
  do {
    found = ReadCqFromOutside(ring_.room());
  } while (found > 0);
  return found == kErrno - EACCES;
}

// Returns the tokens of events that ReadCqFromOutside read. Returns 0 or a PortCode.
int Port::PopUnpopped(uint32_t count) {
  while (count > 0) {
    const int popped = library_.pop_cq(handle_, count);
    if (popped <= 0) return Failed();
    count -= std::min(count, static_cast<uint32_t>(popped));
    unpopped_ -= std::min(unpopped_, static_cast<uint32_t>(popped));
  }
  return 0;
}

int Port::CopyWaiting(abi::Event* events, uint32_t max) {
  const Guard guard(lock_);
  if (ended_) return kClosed;
  // If the device fails, the port's own thread is told.
  if (ring_.waiting() < max && domain_->started && MayCqHoldMore()) ReadCqFromOutside(max - ring_.waiting());
  return static_cast<int>(ring_.CopyWaiting(events, max));
}

// Removes from the commands the tokens that have been returned before.
void Port::DropReturnedTokens(abi::Event* events, uint32_t count) {
  for (uint32_t i = 0; i < count && tokens_returned_ > 0; ++i) {
    abi::Event& event = events[i];
    if ((event.command & 15) == abi::kReturnTokens) {
      const uint32_t tokens = 1u + event.flow_id;
      const uint32_t dropped = std::min(tokens, tokens_returned_);
      tokens_returned_ -= dropped;
      if (dropped == tokens) event.command = abi::kNoop;
      event.flow_id = static_cast<uint16_t>(event.flow_id - std::min(dropped, tokens - 1));
    } else if ((event.command & kToken) != 0) {
      event.command &= static_cast<uint8_t>(~kToken);
      --tokens_returned_;
    }
  }
}

int Port::AdvancedSend(uint64_t ticket, abi::Event* events, uint32_t count) {
  const Entry entry(this, ticket);
  if (const int code = Check(ticket)) return code;
  if (library_.adv_send == nullptr) return kUnsupported;
  if (!domain_->started.load(std::memory_order_acquire)) return kNotStarted;
  // What the commands return, complete and enqueue in total.
  uint32_t completions = 0;
  uint32_t tokens = 0;
  int64_t enqueues = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t command = events[i].command & 15;
    tokens += command == abi::kReturnTokens ? 1u + events[i].flow_id : command & kToken;
    completions += (command & kCompletion) != 0;
    if ((command & kEnqueue) == 0) continue;
    if (const int code = CheckTargets(&events[i], 1)) return code;
    ++enqueues;
  }
  if (tokens > tokens_owed_ + tokens_returned_ || completions > (directed() ? 0 : ring_.unreleased())) {
    return kReleaseExceeded;
  }
  if (domain_->credits_free.fetch_sub(enqueues, std::memory_order_seq_cst) < enqueues) {
    domain_->credits_free.fetch_add(enqueues, std::memory_order_relaxed);
    return 0;
  }
  DropReturnedTokens(events, count);
  const int sent = library_.adv_send(handle_, count, events);
  const int code = sent < 0 ? Failed() : sent;
  for (int i = 0; i < sent; ++i) {
    const uint8_t command = events[i].command & 15;
    if ((command & kCompletion) != 0) ring_.Complete(1);
    if ((command & kEnqueue) != 0) --enqueues;
    tokens_owed_ -= command == abi::kReturnTokens ? 1u + events[i].flow_id : command & kToken;
  }
  if (enqueues > 0) domain_->credits_free.fetch_add(enqueues, std::memory_order_relaxed);
  domain_->lookout.NoteSent();
  return code;
}

}  // namespace node_dlb::dlb
