#include "watcher.h"

// The protective look. libdlb looks whether the CQ is empty, then arms the interrupt. Nothing says whether the hardware, when
// armed, fires for an event that is there already; if it does not, an event that comes between the two waits until
// the next one comes. So one more look follows each time, when the arming has taken effect for certain. It needs to be only
// one, and idle ports cost nothing: that look finds the interrupt armed, and whatever comes while it lasts fires it.
namespace node_dlb::dlb {
namespace {

// An event that was not announced waits for 10 to 20 ms. Arming takes about a microsecond.
constexpr uint64_t kProtectAfterMs = 10;

template <typename Handle>
uv_handle_t* Base(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

}  // namespace

Watcher::Watcher(Napi::Env env, std::shared_ptr<Port> port, uint64_t ticket, Mode mode)
    : env_(env), environment_(Environment::Of(env)), port_(std::move(port)), ticket_(ticket), mode_(mode) {}

Watcher* Watcher::Open(Napi::Env env, std::shared_ptr<Port> port, uint64_t ticket, Mode mode, int* code) {
  *code = mode == Mode::kInterrupts ? port->EnableEventfd(ticket) : 0;
  if (*code != 0) return nullptr;
  auto* self = new Watcher(env, std::move(port), ticket, mode);
  uv_loop_t* const loop = self->environment_->loop();
  if (mode == Mode::kPolls) {
    uv_idle_init(loop, &self->idle_);
    self->idle_.data = self;
    self->open_handles_ = 1;
  } else {
    self->eventfd_ = self->port_->eventfd();
    const int status = self->eventfd_ == nullptr ? UV_EBADF : uv_poll_init(loop, &self->poll_, self->eventfd_->get());
    if (status != 0) {
      // Null: another thread has just closed the domain.
      *code = self->eventfd_ == nullptr ? kClosed : kErrno + status;
      delete self;
      return nullptr;
    }
    uv_timer_init(loop, &self->timer_);
    // It protects what is watched; it is nothing to stay alive for.
    uv_unref(Base(&self->timer_));
    self->poll_.data = self;
    self->timer_.data = self;
    self->open_handles_ = 2;
    self->port_->SetObserver(ticket, self);
  }
  self->environment_->Add(self);
  return self;
}

uv_handle_t* Watcher::main_handle() { return mode_ == Mode::kPolls ? Base(&idle_) : Base(&poll_); }

void Watcher::Set(Napi::Value callback, Napi::Value port) {
  if (closing_) return;
  if (!callback.IsFunction()) {
    Stop();
    return;
  }
  callback_ = Napi::Persistent(callback.As<Napi::Function>());
  port_object_ = Napi::Persistent(port.As<Napi::Object>());
  Start();
}

void Watcher::Start() {
  if (mode_ == Mode::kPolls) {
    uv_idle_start(&idle_, OnIdle);
    return;
  }
  uv_poll_start(&poll_, UV_READABLE, OnPoll);
  // For what is there already.
  port_->SignalMyself(ticket_);
}

void Watcher::Stop() {
  callback_.Reset();
  port_object_.Reset();
  if (mode_ == Mode::kPolls) {
    uv_idle_stop(&idle_);
  } else {
    uv_poll_stop(&poll_);
    uv_timer_stop(&timer_);
  }
}

void Watcher::Hold(bool held) {
  if (closing_) return;
  if (held) {
    uv_ref(main_handle());
  } else {
    uv_unref(main_handle());
  }
}

void Watcher::Close() {
  if (closing_) return;
  closing_ = true;
  callback_.Reset();
  port_object_.Reset();
  uv_close(main_handle(), OnHandleClosed);
  if (mode_ == Mode::kInterrupts) uv_close(Base(&timer_), OnHandleClosed);
}

void Watcher::OnHandleClosed(uv_handle_t* handle) {
  auto* const self = static_cast<Watcher*>(handle->data);
  if (--self->open_handles_ > 0) return;
  self->environment_->Remove(self);
  delete self;
}

void Watcher::OnPoll(uv_poll_t* poll, int status, int) {
  auto* const self = static_cast<Watcher*>(poll->data);
  if (status != 0) return self->Stop();
  self->port_->NoteWake();
  self->Turn();
}

void Watcher::OnIdle(uv_idle_t* idle) { static_cast<Watcher*>(idle->data)->Turn(); }

void Watcher::OnLook(bool found) {
  if (protects_ && !found) {
    protects_ = false;
    return;
  }
  protects_ = false;
  looked_ = true;
  if (!closing_ && !callback_.IsEmpty() && uv_is_active(Base(&timer_)) == 0) {
    uv_timer_start(&timer_, OnTimer, kProtectAfterMs, 0);
  }
}

void Watcher::OnTimer(uv_timer_t* timer) {
  auto* const self = static_cast<Watcher*>(timer->data);
  if (self->looked_) {
    self->looked_ = false;
    uv_timer_start(timer, OnTimer, kProtectAfterMs, 0);
    return;
  }
  self->protects_ = true;
  self->port_->SignalMyself(self->ticket_);
}

void Watcher::Turn() {
  const int found = port_->Peek(ticket_, mode_ == Mode::kPolls);
  if (found == 0) return;
  if (found > 0) {
    Call();
    // What the callback has left makes it be called again, on the next turn of the loop.
    if (!closing_ && !callback_.IsEmpty() && mode_ == Mode::kInterrupts) port_->SignalRest(ticket_);
    return;
  }
  // The domain was closed: nothing will come, and nothing holds the loop. Another failure is told by the next receive.
  if (found != kClosed && found != kDetached) Call();
  if (!closing_) Stop();
}

void Watcher::Call() {
  Napi::HandleScope scope(env_);
  // The callback may replace itself.
  const Napi::Function callback = callback_.Value();
  const napi_status status = napi_make_callback(env_, nullptr, env_.Global(), callback, 0, nullptr, nullptr);
  if (status == napi_ok || !env_.IsExceptionPending()) return;
  napi_fatal_exception(env_, env_.GetAndClearPendingException().Value());
}

}  // namespace node_dlb::dlb
