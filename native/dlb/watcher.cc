#include "watcher.h"

namespace node_dlb::dlb {
namespace {

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
  } else {
    self->eventfd_ = self->port_->eventfd();
    const int status = self->eventfd_ == nullptr ? UV_EBADF : uv_poll_init(loop, &self->poll_, self->eventfd_->get());
    if (status != 0) {
      // The eventfd is null if another thread has just closed the domain.
      *code = self->eventfd_ == nullptr ? kClosed : kErrno + status;
      delete self;
      return nullptr;
    }
    self->poll_.data = self;
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
  port_->SetWatched(ticket_, true);
  // This makes the loop check for events that are there already.
  port_->SignalMyself(ticket_);
}

void Watcher::Stop() {
  callback_.Reset();
  port_object_.Reset();
  if (mode_ == Mode::kPolls) {
    uv_idle_stop(&idle_);
  } else {
    uv_poll_stop(&poll_);
    port_->SetWatched(ticket_, false);
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
}

void Watcher::OnHandleClosed(uv_handle_t* handle) {
  auto* const self = static_cast<Watcher*>(handle->data);
  self->environment_->Remove(self);
  delete self;
}

void Watcher::OnPoll(uv_poll_t* poll, int status, int) {
  auto* const self = static_cast<Watcher*>(poll->data);
  if (status != 0) return self->Stop();
  self->port_->NoteWake();
  self->OnTurn();
}

void Watcher::OnIdle(uv_idle_t* idle) { static_cast<Watcher*>(idle->data)->OnTurn(); }

void Watcher::OnTurn() {
  const int found = port_->CheckForEvents(ticket_, mode_ == Mode::kPolls);
  if (found == 0) return;
  if (found > 0) {
    Call();
    // If the callback left events, it is called again on the loop's next turn.
    if (!closing_ && !callback_.IsEmpty() && mode_ == Mode::kInterrupts) port_->SignalIfWaiting(ticket_);
    return;
  }
  // The domain was closed: no event will come, and the loop is not kept alive. Other failures are
  // reported by the next receive.
  if (found != kClosed && found != kDetached) Call();
  if (!closing_) Stop();
}

void Watcher::Call() {
  Napi::HandleScope scope(env_);
  // The callback may replace itself, so this is a copy.
  const Napi::Function callback = callback_.Value();
  const napi_status status = napi_make_callback(env_, nullptr, env_.Global(), callback, 0, nullptr, nullptr);
  if (status == napi_ok || !env_.IsExceptionPending()) return;
  napi_fatal_exception(env_, env_.GetAndClearPendingException().Value());
}

}  // namespace node_dlb::dlb
