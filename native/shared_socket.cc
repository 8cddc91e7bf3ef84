#include "shared_socket.h"

#include <sys/socket.h>

namespace node_dlb {

Napi::Function SharedSocket::Define(Napi::Env env) {
  return DefineClass(env, "SharedSocket",
                     {
                         InstanceMethod<&SharedSocket::Accept>("accept"),
                         InstanceMethod<&SharedSocket::Close>("close"),
                     });
}

SharedSocket::SharedSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SharedSocket>(info) {
  if (IsEmpty()) return;
  if (info.Length() < 1 || !info[0].IsNumber()) {
    Napi::TypeError::New(info.Env(), "expected a descriptor").ThrowAsJavaScriptException();
    return;
  }
  const SystemError error = socket_.Share(info[0].As<Napi::Number>());
  if (error) error.ToError(info.Env()).ThrowAsJavaScriptException();
}

Napi::Value SharedSocket::Accept(const Napi::CallbackInfo& info) {
  auto into = info[0].As<Napi::Int32Array>();
  int* const places = into.Data();
  const size_t room = into.ElementLength();
  size_t count = 0;
  while (count < room) {
    const int fd = accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) break;
    places[count++] = ~fd;
  }
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

void SharedSocket::Close(const Napi::CallbackInfo&) { socket_.Close(); }

}  // namespace node_dlb
