#pragma once

#include <array>
#include <cstdint>
#include <uv.h>

#include "environment.h"
#include "exclusive_watch.h"
#include "fd.h"
#include "listen_socket.h"
#include "system_error.h"

namespace node_dlb {

// Accepts connections from a listening socket, and passes their descriptors on. It makes no libuv
// handle for an accepted descriptor: the descriptor belongs to whichever thread adopts it.
//
// Thread: the loop's, for everything. Ownership: as for every LoopUser; the acceptor owns the
// listening socket too. The sink outlives the acceptor, or is told of its end by OnClose.
//
// When descriptors run out (EMFILE, ENFILE), the connections stay in the kernel's backlog, and the
// acceptor tries again after 5 ms, which is enough for a short peak. If there is still no free
// descriptor then, the acceptor sheds the backlog's connections through a descriptor held in
// reserve: it accepts them and closes them at once, so that their clients know. Another thread may
// take the reserve's place in the descriptor table in between; then nothing is shed this time. In
// both cases the acceptor tries again after a delay that doubles up to 100 ms, so that it neither
// spins nor stalls.
class Acceptor final : public LoopUser {
 public:
  // What the acceptor does when connections wait in the backlog.
  enum class Mode {
    // It accepts them, and passes them to the sink in batches.
    kBatches,
    // It tells the sink, which accepts one by AcceptOne.
    kOneByOne,
    // It tells the sink, which accepts several by AcceptInto. When several acceptors in this mode
    // share a socket, the kernel wakes one of them for a connection, not all (see ExclusiveWatch).
    kWatched,
  };

  static constexpr int kMaxBatch = 64;

  struct Batch {
    const int* fds;     // accepted connections, which belong to the sink from here on
    int count;          // the number of connections in `fds`
    int shed;           // connections that were accepted and closed for lack of descriptors
    SystemError error;  // set: accepting has stopped for good
  };

  class Sink {
   public:
    // May call Pause, Resume and Close. In the modes without batches, `count` is 0: the call is
    // about shed connections or an error.
    virtual void OnBatch(const Batch& batch) = 0;
    // In the modes without batches: connections may wait in the backlog.
    virtual void OnReadable() = 0;
    // The acceptor is closed; its pointer must not be used any more.
    virtual void OnClose() = 0;

   protected:
    ~Sink() = default;
  };

  // Counts since Start.
  struct Counters {
    uint64_t accepted = 0;
    uint64_t shed = 0;
    uint64_t aborted = 0;   // connections gone before they could be accepted (ECONNABORTED and the like)
    uint64_t backoffs = 0;  // how often accepting waited for descriptors or memory
  };

  // Takes the socket, and accepts from it or watches it until Pause or Close. Batches have up to
  // `max_batch` connections, 1 to kMaxBatch; the other modes ignore it. On failure (EPERM, ENOMEM,
  // ENOSPC of epoll) it returns null and sets `error`, and the socket is closed.
  static Acceptor* Start(Environment* environment, ListenSocket socket, Mode mode, int max_batch, Sink* sink,
                         SystemError* error);

  // Stops accepting: the kernel's backlog keeps the connections that arrive. The handle still keeps
  // the loop alive.
  void Pause();
  void Resume();
  // Accepts one connection while the acceptor is not paused. Returns its descriptor, or -1. In
  // kBatches, the sink has received it as a batch of one by then. The sink is told of shed
  // connections and of failures as for batches.
  int AcceptOne();
  // Accepts up to `max` connections, even while the acceptor is paused. Writes the complement of
  // each descriptor (a negative number) into `complements`, from the front. This memory may be
  // shared: a connection is recorded there before JS continues or is terminated. Returns the number
  // of connections; a negative errno if there are none for another reason than an empty backlog
  // (EMFILE and the like).
  int AcceptInto(int* complements, size_t max);
  // Sets whether the handle keeps the loop alive. It does so at first.
  void Hold(bool held);
  // Shuts the socket down, even if it is shared: nobody can connect any more.
  void ShutDown() { socket_.Shutdown(); }
  // The listening socket is closed when this returns.
  void Close() override;

  bool IsConnection(int fd) const override { return socket_.IsConnection(fd); }
  const ListenSocket& socket() const { return socket_; }
  const Counters& counters() const { return counters_; }

 private:
  enum class State { kAccepting, kPaused, kBackingOff, kFailed, kClosed };
  enum class Outcome { kTaken, kEmpty, kNoDescriptors, kNoMemory, kBroken };

  Acceptor(Environment* environment, ListenSocket socket, Mode mode, int max_batch, Sink* sink);
  ~Acceptor() = default;

  static void OnPoll(uv_poll_t* poll, int status, int events);
  static void OnTimer(uv_timer_t* timer);
  static void OnHandleClosed(uv_handle_t* handle);
  void OnConnections();
  void Poll();
  int Accept(int limit);
  Outcome AcceptUpTo(int limit, int* count);
  void Learn(Outcome outcome, int count);
  int Shed();
  void BackOff();
  void Fail(int error);

  uv_poll_t poll_;
  uv_timer_t timer_;
  int open_handles_ = 2;
  State state_ = State::kAccepting;
  Environment* const environment_;
  ListenSocket socket_;
  const Mode mode_;
  const int max_batch_;
  Sink* sink_;
  Fd reserve_;
  uint64_t delay_ms_ = 0;
  int expected_ = 0;
  int trust_ = 0;
  Counters counters_;
  ExclusiveWatch exclusive_;
  std::array<int, kMaxBatch> fds_{};
};

}  // namespace node_dlb
