// The bare wake of another thread's loop, as a comparison for the device's: an eventfd watched by
// uv_poll. For the bench only: it is not part of the package.
#include <napi.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

namespace {

// The object lives as long as its thread's environment.
struct Watch {
  uv_poll_t poll;
  int fd;
  Napi::FunctionReference callback;
  napi_async_cleanup_hook_handle cleanup;
};

void Close(napi_async_cleanup_hook_handle, void* data) {
  auto* watch = static_cast<Watch*>(data);
  uv_close(reinterpret_cast<uv_handle_t*>(&watch->poll), [](uv_handle_t* handle) {
    auto* closed = static_cast<Watch*>(handle->data);
    napi_remove_async_cleanup_hook(closed->cleanup);
    closed->callback.SuppressDestruct();
    delete closed;
  });
}

void OnReadable(uv_poll_t* handle, int, int) {
  auto* watch = static_cast<Watch*>(handle->data);
  uint64_t count;
  if (read(watch->fd, &count, sizeof count) != sizeof count) return;
  Napi::Env env = watch->callback.Env();
  Napi::HandleScope scope(env);
  watch->callback.MakeCallback(env.Global(), {});
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

void Listen(const Napi::CallbackInfo& info) {
  auto* watch = new Watch();
  watch->fd = info[0].As<Napi::Number>().Int32Value();
  watch->callback = Napi::Persistent(info[1].As<Napi::Function>());
  watch->poll.data = watch;
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(info.Env(), &loop);
  uv_poll_init(loop, &watch->poll, watch->fd);
  napi_add_async_cleanup_hook(info.Env(), Close, watch, &watch->cleanup);
  uv_poll_start(&watch->poll, UV_READABLE, OnReadable);
}

Napi::Value Signal(const Napi::CallbackInfo& info) {
  const uint64_t one = 1;
  return Napi::Boolean::New(info.Env(), write(info[0].As<Napi::Number>().Int32Value(), &one, sizeof one) == sizeof one);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["open"] = Napi::Function::New(env, Open);
  exports["listen"] = Napi::Function::New(env, Listen);
  exports["signal"] = Napi::Function::New(env, Signal);
  return exports;
}

}  // namespace

NODE_API_MODULE(eventfd, Init)
