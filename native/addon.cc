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

// What `require('node_dlb.node')` returns; lib/native.ts types it. It is loaded once for each
// environment that uses it.
namespace node_dlb {
namespace {

// (fd) => what the function returns for it
template <auto kFunction>
Napi::Value CallWithFd(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  if (!arguments.ok()) return {};
  return Napi::Number::New(info.Env(), kFunction(fd));
}

// (fd, Uint8Array) => what the function returns for them
template <auto kFunction>
Napi::Value CallWithFdAndBytes(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  auto bytes = arguments.Bytes(1);
  if (!arguments.ok()) return {};
  const auto result = kFunction(fd, reinterpret_cast<char*>(bytes.Data()), bytes.ByteLength());
  return Napi::Number::New(info.Env(), static_cast<double>(result));
}

// (fd, bytes) => 0 or a negative errno
Napi::Value SkipFdForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  const uint32_t size = arguments.Count(1);
  return arguments.ok() ? Napi::Number::New(info.Env(), SkipFd(fd, size)) : Napi::Value();
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

// () => how many descriptors this process may have: their numbers are below it. Infinity if there
// is no limit.
Napi::Value FdLimit(const Napi::CallbackInfo& info) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return Napi::Number::New(info.Env(), std::numeric_limits<double>::infinity());
  }
  return Napi::Number::New(info.Env(), static_cast<double>(limit.rlim_cur));
}

template <Napi::Value (*kFunction)(const Napi::CallbackInfo&)>
void Export(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<kFunction>(exports.Env(), name));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  Environment* environment = Environment::Install(env);
  if (environment == nullptr) return exports;
  exports.Set("Listener", Listener::Define(env));
  exports.Set("DlbDevice", dlb::JsDevice::Define(env));
  exports.Set("DlbDomain", dlb::JsDomain::Define(env));
  Export<dlb::InspectLibrary>(exports, "inspectDlbLibrary");
  Export<dlb::Attachment::Attach>(exports, "attachDlbPort");
  Export<CallWithFd<CloseFd>>(exports, "closeFd");
  Export<CallWithFd<ResetFd>>(exports, "resetFd");
  Export<CallWithFd<DuplicateFd>>(exports, "dupFd");
  Export<CallWithFd<UnreadOfFd>>(exports, "unreadOfFd");
  Export<CallWithFd<ClientOf>>(exports, "clientOf");
  Export<CallWithFd<ShareListening>>(exports, "shareListening");
  Export<CallWithFdAndBytes<PeekFd>>(exports, "peekFd");
  Export<CallWithFdAndBytes<ReplyAndCloseFd>>(exports, "replyAndCloseFd");
  Export<CallWithFdAndBytes<WriteWithoutWaiting>>(exports, "writeWithoutWaiting");
  Export<SkipFdForJs>(exports, "skipFd");
  Export<LedgerGuard::GuardForJs>(exports, "guardLedger");
  Export<LedgerGuard::ReleaseForJs>(exports, "releaseLedger");
  Export<Waker::OpenForJs>(exports, "openWaker");
  Export<Waker::WakeForJs>(exports, "wake");
  Export<Waker::CloseForJs>(exports, "closeWaker");
  Export<ThisThreadForJs>(exports, "thisThread");
  Export<ThreadCpuForJs>(exports, "threadCpu");
  Export<IsReadyForJs>(exports, "isReady");
  Export<FdLimit>(exports, "fdLimit");
  return exports;
}

NODE_API_MODULE(node_dlb, Init)

}  // namespace
}  // namespace node_dlb
