#include <limits>
#include <napi.h>
#include <sys/resource.h>
#include <uv.h>

#include "arguments.h"
#include "dlb/attachment.h"
#include "dlb/js_device.h"
#include "dlb/js_domain.h"
#include "environment.h"
#include "fd.h"
#include "ledger_guard.h"
#include "listen_socket.h"
#include "listener.h"
#include "output.h"
#include "thread_use.h"
#include "waker.h"

// What `require('node_dlb.node')` returns; lib/native.ts types it. Loaded once per environment that
// uses it.
namespace node_dlb {
namespace {

Napi::Value CloseFdForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  return arguments.ok() ? Napi::Number::New(info.Env(), -CloseFd(fd)) : Napi::Value();
}

Napi::Value ResetFdForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  return arguments.ok() ? Napi::Number::New(info.Env(), -ResetFd(fd)) : Napi::Value();
}

// (fd, Uint8Array) => bytes, or a negative errno
Napi::Value PeekFdForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  auto to = arguments.Bytes(1);
  if (!arguments.ok()) return {};
  return Napi::Number::New(info.Env(), PeekFd(fd, reinterpret_cast<char*>(to.Data()), to.ByteLength()));
}

// (fd, bytes) => 0 or a negative errno
Napi::Value SkipFdForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  const uint32_t size = arguments.Count(1);
  return arguments.ok() ? Napi::Number::New(info.Env(), -SkipFd(fd, size)) : Napi::Value();
}

// (fd) => a descriptor, or a negative errno
Napi::Value DuplicateFdForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  return arguments.ok() ? Napi::Number::New(info.Env(), DuplicateFd(fd)) : Napi::Value();
}

// (fd, Uint8Array) => 0 or a negative errno
Napi::Value ReplyAndCloseFdForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  auto data = arguments.Bytes(1);
  if (!arguments.ok()) return {};
  const auto* const bytes = reinterpret_cast<const char*>(data.Data());
  return Napi::Number::New(info.Env(), -ReplyAndCloseFd(fd, bytes, data.ByteLength()));
}

// (fd) => bytes
Napi::Value UnreadOfFdForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  return arguments.ok() ? Napi::Number::New(info.Env(), UnreadOfFd(fd)) : Napi::Value();
}

// (fd, Uint8Array) => bytes, or a negative errno
Napi::Value WriteWithoutWaitingForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  auto data = arguments.Bytes(1);
  if (!arguments.ok()) return {};
  const auto* const bytes = reinterpret_cast<const char*>(data.Data());
  const long count = WriteWithoutWaiting(fd, bytes, data.ByteLength());
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

Napi::Value ClientOfForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  return arguments.ok() ? Napi::Number::New(info.Env(), ClientOf(fd)) : Napi::Value();
}

// () => the calling thread's number, and the descriptor of its loop's epoll set
Napi::Value ThisThreadForJs(const Napi::CallbackInfo& info) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(info.Env(), &loop);
  Napi::Object thread = Napi::Object::New(info.Env());
  thread.Set("number", Napi::Number::New(info.Env(), ThreadNumber()));
  thread.Set("pollFd", Napi::Number::New(info.Env(), loop == nullptr ? -1 : uv_backend_fd(loop)));
  return thread;
}

// (thread) => ms; negative if there is no such thread
Napi::Value ThreadCpuForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int thread = arguments.Int(0, INT_MIN, INT_MAX);
  return arguments.ok() ? Napi::Number::New(info.Env(), ThreadCpu(thread)) : Napi::Value();
}

// (thread, pollFd) => boolean
Napi::Value IsReadyForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int thread = arguments.Int(0, INT_MIN, INT_MAX);
  const int poll_fd = arguments.Int(1, INT_MIN, INT_MAX);
  return arguments.ok() ? Napi::Boolean::New(info.Env(), IsReady(thread, poll_fd)) : Napi::Value();
}

// (fd) => a descriptor, or a negative errno
Napi::Value ShareListeningForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  return arguments.ok() ? Napi::Number::New(info.Env(), ShareListening(fd)) : Napi::Value();
}

// The most descriptors that this process may have, so their numbers are below it; Infinity if there
// is no limit.
Napi::Value FdLimit(const Napi::CallbackInfo& info) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return Napi::Number::New(info.Env(), std::numeric_limits<double>::infinity());
  }
  return Napi::Number::New(info.Env(), static_cast<double>(limit.rlim_cur));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  Environment* environment = Environment::Install(env);
  if (environment == nullptr) return exports;
  exports.Set("Listener", Listener::Define(env));
  exports.Set("DlbDevice", dlb::JsDevice::Define(env));
  exports.Set("DlbDomain", dlb::JsDomain::Define(env));
  exports.Set("inspectDlbLibrary", Napi::Function::New<dlb::InspectLibrary>(env, "inspectDlbLibrary"));
  exports.Set("attachDlbPort", Napi::Function::New<dlb::Attachment::Attach>(env, "attachDlbPort"));
  exports.Set("closeFd", Napi::Function::New<CloseFdForJs>(env, "closeFd"));
  exports.Set("resetFd", Napi::Function::New<ResetFdForJs>(env, "resetFd"));
  exports.Set("dupFd", Napi::Function::New<DuplicateFdForJs>(env, "dupFd"));
  exports.Set("replyAndCloseFd", Napi::Function::New<ReplyAndCloseFdForJs>(env, "replyAndCloseFd"));
  exports.Set("peekFd", Napi::Function::New<PeekFdForJs>(env, "peekFd"));
  exports.Set("skipFd", Napi::Function::New<SkipFdForJs>(env, "skipFd"));
  exports.Set("unreadOfFd", Napi::Function::New<UnreadOfFdForJs>(env, "unreadOfFd"));
  exports.Set("writeWithoutWaiting", Napi::Function::New<WriteWithoutWaitingForJs>(env, "writeWithoutWaiting"));
  exports.Set("clientOf", Napi::Function::New<ClientOfForJs>(env, "clientOf"));
  exports.Set("shareListening", Napi::Function::New<ShareListeningForJs>(env, "shareListening"));
  exports.Set("guardLedger", Napi::Function::New<LedgerGuard::GuardForJs>(env, "guardLedger"));
  exports.Set("releaseLedger", Napi::Function::New<LedgerGuard::ReleaseForJs>(env, "releaseLedger"));
  exports.Set("openWaker", Napi::Function::New<Waker::OpenForJs>(env, "openWaker"));
  exports.Set("wake", Napi::Function::New<Waker::WakeForJs>(env, "wake"));
  exports.Set("closeWaker", Napi::Function::New<Waker::CloseForJs>(env, "closeWaker"));
  exports.Set("thisThread", Napi::Function::New<ThisThreadForJs>(env, "thisThread"));
  exports.Set("threadCpu", Napi::Function::New<ThreadCpuForJs>(env, "threadCpu"));
  exports.Set("isReady", Napi::Function::New<IsReadyForJs>(env, "isReady"));
  exports.Set("fdLimit", Napi::Function::New<FdLimit>(env, "fdLimit"));
  return exports;
}

NODE_API_MODULE(node_dlb, Init)

}  // namespace
}  // namespace node_dlb
