#include "bounded_reset.h"

#include <cerrno>
#include <ctime>
#include <memory>
#include <pthread.h>

#include "call_guard.h"

namespace node_dlb::dlb {
namespace {

// The binding's alert callback returns at once, and the driver resets a domain within milliseconds.
constexpr time_t kPatienceSeconds = 5;
constexpr time_t kCancelSeconds = 1;

struct Reset {
  const Library& library;
  abi::DeviceHandle device;
  int domain;
  SystemError error;
};

void Run(Reset* reset) {
  if (reset->library.reset_sched_domain(reset->device, reset->domain) != 0) {
    reset->error = LastError("dlb_reset_sched_domain");
  }
}

void* RunOnThread(void* reset) {
  // Cancellation is asynchronous, because a thread that waits in a loop of libdlb reaches no point
  // at which it could be cancelled otherwise. It holds no lock there but libdlb's own.
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
  Run(static_cast<Reset*>(reset));
  return nullptr;
}

bool Join(pthread_t thread, time_t seconds) {
  timespec deadline{};
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += seconds;
  return pthread_timedjoin_np(thread, nullptr, &deadline) == 0;
}

}  // namespace

SystemError ResetBounded(const Library& library, abi::DeviceHandle device, int domain) {
  auto reset = std::make_unique<Reset>(Reset{library, device, domain, {}});
  pthread_t thread{};
  if (pthread_create(&thread, nullptr, RunOnThread, reset.get()) != 0) {
    Run(reset.get());
    return reset->error;
  }
  if (Join(thread, kPatienceSeconds)) return reset->error;
  pthread_cancel(thread);
  if (!Join(thread, kCancelSeconds)) {
    pthread_detach(thread);
    // The thread may still write there.
    static_cast<void>(reset.release());
  }
  return {ETIMEDOUT, "dlb_reset_sched_domain"};
}

}  // namespace node_dlb::dlb
