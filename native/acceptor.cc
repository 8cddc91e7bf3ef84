#include "acceptor.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <utility>

namespace node_dlb {
namespace {

constexpr uint64_t kFirstDelayMs = 5;
constexpr uint64_t kLastDelayMs = 100;
// The number of batches that may be as big as the one before until the backlog is checked for more.
constexpr int kTrust = 3;

Fd OpenReserve() { return Fd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

Fd AcceptFrom(int listener) { return Fd(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)); }

// Whether an error of accept4 is about one connection that failed before it was accepted
// (accept(2), "Error handling"), or EINTR: the next connection may be well.
bool ConcernsOneConnection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case EINTR:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

Acceptor* Acceptor::Start(Environment* environment, ListenSocket socket, Mode mode, int max_batch, Sink* sink,
                          SystemError* error) {
  auto* acceptor = new Acceptor(environment, std::move(socket), mode, max_batch, sink);
  const int status = uv_poll_init(environment->loop(), &acceptor->poll_, acceptor->socket_.fd());
  if (status != 0) {
    *error = {-status, "epoll_ctl"};
    delete acceptor;
    return nullptr;
  }
  uv_timer_init(environment->loop(), &acceptor->timer_);
  acceptor->poll_.data = acceptor;
  acceptor->timer_.data = acceptor;
  environment->Add(acceptor);
  acceptor->Poll();
  return acceptor;
}

Acceptor::Acceptor(Environment* environment, ListenSocket socket, Mode mode, int max_batch, Sink* sink)
    : environment_(environment),
      socket_(std::move(socket)),
      mode_(mode),
      max_batch_(max_batch),
      sink_(sink),
      reserve_(OpenReserve()) {}

void Acceptor::Poll() {
  state_ = State::kAccepting;
  if (exclusive_.active()) {
    exclusive_.Wait();
    return;
  }
  uv_poll_start(&poll_, UV_READABLE, OnPoll);
}

void Acceptor::Pause() {
  if (state_ != State::kAccepting && state_ != State::kBackingOff) return;
  state_ = State::kPaused;
  uv_timer_stop(&timer_);
  if (exclusive_.active()) {
    exclusive_.Leave();
    return;
  }
  // This is not uv_poll_stop: a handle that waits for something keeps the loop alive, and an open
  // listener should.
  uv_poll_start(&poll_, UV_DISCONNECT, OnPoll);
}

void Acceptor::Resume() {
  // An exclusive watch is set up again, for two reasons: the first set-up may have failed, and the
  // thread that was told of the waiting connections may not come for them.
  if (state_ == State::kPaused || (state_ == State::kAccepting && exclusive_.active())) Poll();
}

void Acceptor::Hold(bool held) {
  auto* const handle = reinterpret_cast<uv_handle_t*>(&poll_);
  held ? uv_ref(handle) : uv_unref(handle);
}

void Acceptor::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  // uv_close takes the descriptor out of the loop's epoll set at once, so that it can be closed
  // right after.
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnHandleClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), OnHandleClosed);
  socket_.Close();
  reserve_.Reset();
  std::exchange(sink_, nullptr)->OnClose();
}

void Acceptor::OnHandleClosed(uv_handle_t* handle) {
  auto* acceptor = static_cast<Acceptor*>(handle->data);
  if (--acceptor->open_handles_ > 0) return;
  acceptor->environment_->Remove(acceptor);
  delete acceptor;
}

void Acceptor::OnPoll(uv_poll_t* poll, int status, int events) {
  auto* acceptor = static_cast<Acceptor*>(poll->data);
  if (status != 0) {
    acceptor->Fail(-status);
  } else if ((events & UV_READABLE) == 0) {
    // Another thread shut the socket down while this acceptor was paused. EINVAL is what accept4
    // would report.
    acceptor->Fail(EINVAL);
  } else {
    acceptor->OnConnections();
  }
}

void Acceptor::OnConnections() {
  switch (mode_) {
    case Mode::kBatches:
      Accept(max_batch_);
      return;
    case Mode::kWatched:
      exclusive_.Begin(environment_->loop(), socket_.fd());
      sink_->OnReadable();
      return;
    case Mode::kOneByOne:
      sink_->OnReadable();
      return;
  }
}

void Acceptor::OnTimer(uv_timer_t* timer) {
  auto* acceptor = static_cast<Acceptor*>(timer->data);
  if (!acceptor->reserve_) acceptor->reserve_ = OpenReserve();
  acceptor->Poll();
}

int Acceptor::AcceptOne() { return state_ == State::kAccepting && Accept(1) > 0 ? fds_[0] : -1; }

int Acceptor::AcceptInto(int* complements, size_t max) {
  size_t count = 0;
  while (count < max) {
    Fd connection = AcceptFrom(socket_.fd());
    if (connection) {
      complements[count++] = ~connection.Release();
    } else if (count == 0 && errno != EAGAIN && !ConcernsOneConnection(errno)) {
      return -errno;
    } else {
      break;
    }
  }
  // While more connections wait than fit at a time, all threads are busy, and their order in the
  // line does not matter.
  const bool may_be_more = max > 1 && count == max;
  if (count > 0 && !may_be_more && exclusive_.active() && state_ == State::kAccepting) exclusive_.Wait();
  return static_cast<int>(count);
}

// Returns how many descriptors are in fds_; in kBatches, the sink owns them by then.
int Acceptor::Accept(int limit) {
  // Most batches are as big as the one before. Stopping at that size saves the accept4 that would
  // only find the backlog empty; if there are more connections, the level-triggered poll comes back
  // on the loop's next turn.
  int count = 0;
  const Outcome outcome = AcceptUpTo(trust_ > 0 ? std::min(expected_, limit) : limit, &count);
  const int error = errno;
  Learn(outcome, count);
  if (count > 0) delay_ms_ = 0;
  counters_.accepted += static_cast<uint64_t>(count);

  if (outcome == Outcome::kBroken && count == 0) {
    Fail(error);
    return 0;
  }
  int shed = 0;
  if (outcome == Outcome::kNoDescriptors && delay_ms_ > 0) shed = Shed();
  if (outcome == Outcome::kNoDescriptors || outcome == Outcome::kNoMemory) BackOff();
  const int batch = mode_ == Mode::kBatches ? count : 0;
  if (batch > 0 || shed > 0) sink_->OnBatch({fds_.data(), batch, shed, {}});
  return count;
}

Acceptor::Outcome Acceptor::AcceptUpTo(int limit, int* count) {
  for (int attempt = 0; attempt < limit; ++attempt) {
    Fd connection = AcceptFrom(socket_.fd());
    if (connection) {
      fds_[static_cast<size_t>((*count)++)] = connection.Release();
    } else if (ConcernsOneConnection(errno)) {
      ++counters_.aborted;
    } else {
      switch (errno) {
        case EAGAIN:
          return Outcome::kEmpty;
        case EMFILE:
        case ENFILE:
          return Outcome::kNoDescriptors;
        case ENOBUFS:
        case ENOMEM:
          return Outcome::kNoMemory;
        default:
          return Outcome::kBroken;
      }
    }
  }
  return Outcome::kTaken;
}

void Acceptor::Learn(Outcome outcome, int count) {
  if (outcome == Outcome::kEmpty) {
    expected_ = std::max(count, 1);
    trust_ = kTrust;
  } else if (trust_ > 0) {
    --trust_;
  }
}

int Acceptor::Shed() {
  int shed = 0;
  reserve_.Reset();
  while (shed < kMaxBatch && AcceptFrom(socket_.fd())) ++shed;
  reserve_ = OpenReserve();
  counters_.shed += static_cast<uint64_t>(shed);
  return shed;
}

void Acceptor::BackOff() {
  delay_ms_ = delay_ms_ == 0 ? kFirstDelayMs : std::min(delay_ms_ * 2, kLastDelayMs);
  state_ = State::kBackingOff;
  ++counters_.backoffs;
  uv_poll_stop(&poll_);
  uv_timer_start(&timer_, OnTimer, delay_ms_, 0);
}

void Acceptor::Fail(int error) {
  state_ = State::kFailed;
  uv_poll_stop(&poll_);
  sink_->OnBatch({nullptr, 0, 0, {error, "accept4"}});
}

}  // namespace node_dlb
