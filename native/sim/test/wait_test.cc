// Receives that wait.
#include <chrono>
#include <thread>

#include "../libdlb_sim.h"
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

struct Waiting {
  Waiting() : queue(rig.Queue()), port(rig.LdbPort(16)), sender(rig.DirPort()) {
    rig.Link(port, queue);
    rig.Start();
  }
  // The result of a receive that waits while `act` happens.
  template <typename Act>
  int ReceiveDuring(Act act, int* error) {
    int result = 0;
    std::thread receiver([&] {
      dlb_event_t event{};
      errno = 0;
      result = dlb_recv(port, 1, true, &event);
      *error = errno;
    });
    // The result does not need this sleep; it makes it likely that the receiver does wait.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    act();
    receiver.join();
    return result;
  }

  Rig rig;
  int queue;
  dlb_port_hdl_t port;
  dlb_port_hdl_t sender;
};

void UntilEvent() {
  Waiting w;
  int error = 0;
  CHECK_EQUAL(w.ReceiveDuring([&] { CHECK_EQUAL(Send(w.sender, 1, {w.queue}), 1); }, &error), 1);
  CHECK_EQUAL(dlb_release(w.port, 1), 1);
  w.rig.TearDown();
}

void UntilDisabled() {
  Waiting w;
  int error = 0;
  CHECK_EQUAL(w.ReceiveDuring([&] { CHECK_EQUAL(dlb_disable_port(w.port), 0); }, &error), -1);
  CHECK_EQUAL(error, EACCES);
  w.rig.TearDown();
}

void UntilDeviceReset() {
  Waiting w;
  int error = 0;
  CHECK_EQUAL(w.ReceiveDuring([&] { CHECK_EQUAL(dlb_sim_control("device-reset"), 0); }, &error), -1);
  CHECK_EQUAL(error, EINTR);
  w.rig.TearDown();
}

void Timeouts() {
  Waiting w;
  dlb_event_t event{};
  dlb_wait_profile_t profile{DLB_WAIT_TIMEOUT_HARD_POLL, 2000000, 0};
  CHECK_EQUAL(dlb_set_wait_profile(w.port, 0, profile), 0);
  CHECK_EQUAL(dlb_recv(w.port, 1, true, &event), 0);
  profile = {DLB_WAIT_TIMEOUT_SLEEP_POLL, 2000000, 100000};
  CHECK_EQUAL(dlb_set_wait_profile(w.port, 0, profile), 0);
  CHECK_EQUAL(dlb_recv(w.port, 1, true, &event), 0);
  dlb_wait_profile_t got{};
  CHECK_EQUAL(dlb_get_wait_profile(w.port, 0, &got), 0);
  CHECK_EQUAL(got.sleep_duration_ns, 100000);
  profile.type = DLB_WAIT_INTR_LOW_POWER;
  CHECK_FAILS(dlb_set_wait_profile(w.port, 0, profile), EINVAL);
  CHECK_EQUAL(dlb_sim_control("umwait"), 0);
  CHECK_EQUAL(dlb_set_wait_profile(w.port, 0, profile), 0);
  CHECK_FAILS(dlb_set_wait_profile(w.port, 1, profile), EINVAL);
  w.rig.TearDown();
}

}  // namespace

Tests WaitTests() {
  return {
      {"a wait ends with an event", UntilEvent},
      {"a wait ends with EACCES when the port is disabled", UntilDisabled},
      {"a wait ends with EINTR when the device is reset", UntilDeviceReset},
      {"wait profiles", Timeouts},
  };
}

}  // namespace dlb_sim_test
