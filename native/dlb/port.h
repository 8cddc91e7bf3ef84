#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "../fd.h"
#include "../system_error.h"
#include "domain_state.h"
#include "event_ring.h"
#include "port_lock.h"

namespace node_dlb::dlb {

// What the methods of Port return below 0; lib/device/dlb/codes.ts has the same. An errno e of
// libdlb is kErrno - e.
enum PortCode : int {
  kClosed = -1,
  kDetached = -2,
  kNotStarted = -3,
  kUnknownQueue = -4,
  kWrongScheduling = -5,
  kReleaseExceeded = -6,
  kBadRange = -7,
  kAttached = -8,
  kOwes = -9,
  kTooManyLinks = -10,
  kUnsupported = -11,
  kErrno = -1000,
};

// A port of a domain, for all threads of the process: its one handle of libdlb's, who has it, and
// what that thread has received and not released.
//
// Thread: any; a lock of its own orders them. Methods that take a ticket are for the thread that
// has attached the port with that ticket; with a stale one they return kDetached. That a thread
// ended is no reason to lose anything: native calls are never cut short, so the state is always
// that between two calls. Ownership: shared by the domain and those who attached it. The eventfd is
// closed when the domain has ended and no thread's loop watches it any more.
class Port {
 public:
  struct Spec {
    bool directed;
    int id;
    // How many events it may have of the device at once: its event state entries, or a directed
    // port's CQ.
    uint32_t most_events;
  };

  Port(std::shared_ptr<DomainState> domain, const Spec& spec, abi::PortHandle handle);

  bool directed() const { return spec_.directed; }
  int id() const { return spec_.id; }

  // `ticket` is unique and not 0. 0, kClosed, kAttached, kOwes.
  int Attach(uint64_t ticket, int thread);
  // `abandon`: its thread ends without having detached it.
  void Detach(uint64_t ticket, bool abandon);
  bool IsAttached(uint64_t ticket) const { return ticket_.load(std::memory_order_acquire) == ticket; }
  // 0, kClosed or kDetached.
  int Use(uint64_t ticket);

  // The contract's calls. They return a count, or a PortCode.
  int Send(uint64_t ticket, abi::Event* events, uint32_t count);
  int Forward(uint64_t ticket, abi::Event* events, uint32_t count);
  // As Send, beyond the domain's bound on queued events.
  int SendBeyond(uint64_t ticket, abi::Event* events, uint32_t count);
  int Receive(uint64_t ticket, abi::Event* events, uint32_t max);
  int Release(uint64_t ticket, uint32_t count);
  int Unreleased(uint64_t ticket);
  int Link(uint64_t ticket, int queue, int priority);
  int Unlink(uint64_t ticket, int queue);

  // libdlb's, see docs/device.md.
  int ReceiveWithoutPop(uint64_t ticket, abi::Event* events, uint32_t max);
  int Pop(uint64_t ticket, uint32_t count);
  int AdvancedSend(uint64_t ticket, abi::Event* events, uint32_t count);
  int SetWaitProfile(uint64_t ticket, const abi::WaitProfile& profile);
  int GetWaitProfile(uint64_t ticket, abi::WaitProfile* profile);

  // Whether there is something to receive: 1 or 0, or a PortCode. `wait`: for as long as the wait
  // profile says.
  int Peek(uint64_t ticket, bool wait);
  // Has the CQ's interrupt written to the eventfd from here on; see port_interrupts.cc. 0 or a
  // PortCode.
  int EnableEventfd(uint64_t ticket);
  // For a loop that watches it: another thread may close the domain meanwhile, and drop the port's
  // share of it.
  std::shared_ptr<const Fd> eventfd();
  // The loop has seen that the eventfd is readable.
  void NoteWake() { signalled_.store(true, std::memory_order_relaxed); }
  // Makes the eventfd readable: whoever watches it looks. Any thread.
  void Signal();
  // The same by the port's own thread; and only if there is something that it has looked at and not
  // received.
  void SignalMyself(uint64_t ticket);
  void SignalRest(uint64_t ticket);
  // Whether a loop watches the eventfd for the thread that has the port: see lookout.h.
  void SetWatched(uint64_t ticket, bool watched);

  // Any thread. `sched_only`: the contract's disable, after which the port still sends.
  int SetEnabled(bool enabled, bool sched_only);
  // One at a time. Completes what it returns.
  int Recover(abi::Event* events, uint32_t max);
  // Copies what waits to be received, and leaves it. From outside of the thread that has the port.
  int Glance(abi::Event* events, uint32_t max);
  // -1 while nobody has it.
  int thread() const { return ticket_.load(std::memory_order_acquire) == 0 ? -1 : thread_.load(); }
  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }
  bool watched() const { return watched_.load(std::memory_order_relaxed); }
  // Grows with every look that finds something, by its own thread.
  uint32_t finds() const { return finds_.load(std::memory_order_relaxed); }
  // Events taken from the CQ that nobody has received.
  uint32_t held_back();
  // Whether libdlb says that the port is disabled, though we did not disable it.
  bool IsDead();

  // Ends all use, in every thread; the device schedules nothing more to it.
  void Stop();
  // After Stop: gives the handle back, and what the port holds with it. When all ports of the
  // domain have stopped: what is completed here must not let go another event of its flow to a
  // thread that goes on.
  SystemError Close();
  // After the domain's reset, up to which the driver writes to it.
  void DropEventfd();

 private:
  using Guard = std::lock_guard<PortLock>;
  // The lock, for a method that takes a ticket. Only its own thread makes a ticket the port's, and
  // ends that: who finds that it is, is that thread, and it stays so. With a stale ticket it may be
  // any thread.
  class Turn {
   public:
    Turn(Port* port, uint64_t ticket) : lock_(port->lock_), is_owner_(port->IsAttached(ticket)) {
      if (is_owner_) {
        lock_.Enter();
      } else {
        lock_.lock();
      }
    }
    ~Turn() {
      if (is_owner_) {
        lock_.Leave();
      } else {
        lock_.unlock();
      }
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    PortLock& lock_;
    const bool is_owner_;
  };

  static constexpr size_t kMaxLinks = 8;
  static constexpr uint32_t kMostKept = 64;

  // When the domain has started, with events that are the calling thread's.
  bool FitAll(const abi::Event* events, uint32_t count) const;
  int CheckTargets(const abi::Event* events, uint32_t count) const;

  template <bool kForward>
  int SendBy(uint64_t ticket, abi::Event* events, uint32_t count);

  // Under the lock.
  int Check(uint64_t ticket) const;
  int Look(abi::Event* events, uint32_t max, bool wait, bool pop = true);
  int Failed() const;
  bool MayHoldMore() const;
  int LookAndGiveBack(abi::Event* events, uint32_t max, bool wait);
  int LookFromOutside(uint32_t max);
  int PopSeen(uint32_t count);
  int ReceiveBy(uint64_t ticket, abi::Event* events, uint32_t max, bool pop);
  // A send, release or pop gives back all but 32 if the port has more than 64. If it has not, it
  // has no more than 32 and those that it took to send.
  void NoteGivenBack() {
    if (credits_kept_ > kMostKept) credits_kept_ = kMostKept / 2;
  }
  int ReleaseInDevice(uint32_t count);
  void DropReturnedTokens(abi::Event* events, uint32_t count);
  uint32_t RoomFor(uint32_t max) const;
  int FindLink(int queue) const;
  int UnlinkAll();
  void ChangeWatched(bool watched);
  void WriteEventfd();
  void ClearSignal();
  void Drain();

  const std::shared_ptr<DomainState> domain_;
  const Library& library_;
  const Spec spec_;

  PortLock lock_;
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> thread_{-1};
  std::atomic<bool> enabled_{true};
  // Null once closed.
  abi::PortHandle handle_;
  bool ended_ = false;
  bool stopped_ = false;
  bool abandoned_ = false;
  // libdlb reads the eventfd; and the device writes to it.
  bool interrupts_ = false;
  bool announces_ = false;
  // The eventfd is known to be readable.
  std::atomic<bool> signalled_{false};
  std::atomic<bool> watched_{false};
  std::atomic<uint32_t> finds_{0};
  // Received without pop; and those of them that the look before a callback has returned already.
  uint32_t tokens_owed_ = 0;
  uint32_t tokens_returned_ = 0;
  // Of events in the ring, which nobody has received.
  uint32_t unpopped_ = 0;
  // Of a look whose caller had something else to tell, or was the loop: the next receive's. 0:
  // none.
  int failure_ = 0;
  // At most so many credits of what it received are with the port, beside the 32 that it may have
  // taken to send: see Look.
  uint32_t credits_kept_ = 0;
  EventRing ring_;
  std::array<int, kMaxLinks> links_{};
  size_t link_count_ = 0;
  std::shared_ptr<const Fd> eventfd_;
};

}  // namespace node_dlb::dlb
