// The alert thread: which alerts it passes on, and when it ends.
#include <condition_variable>
#include <mutex>
#include <string>

#include "../libdlb_sim.h"
#include "captured_stdout.h"
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

// The alerts that a callback got, and a way to wait for them.
class Told {
 public:
  static void Callback(dlb_alert_t* alert, int domain, void* arg) {
    auto* told = static_cast<Told*>(arg);
    const std::lock_guard lock(told->mutex_);
    told->last_ = *alert;
    told->domain_ = domain;
    told->count_++;
    told->changed_.notify_all();
  }
  dlb_alert_t Next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ > seen_; });
    seen_++;
    return last_;
  }
  unsigned count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  dlb_alert_t last_{};
  int domain_ = -1;
  unsigned count_ = 0;
  unsigned seen_ = 0;
};

void Start(Rig* rig, Told* told) {
  CHECK_EQUAL(dlb_launch_domain_alert_thread(rig->domain, Told::Callback, told), 0);
  CHECK_EQUAL(dlb_start_sched_domain(rig->domain), 0);
}

void DomainReset() {
  Told told;
  Rig rig;
  Start(&rig, &told);
  rig.TearDown();
  // The callback has returned before the reset did.
  CHECK_EQUAL(told.count(), 1);
  CHECK_EQUAL(told.Next().id, DLB_ALERT_DOMAIN_RESET);
}

void Watchdog() {
  Told told;
  Rig rig;
  int id = 0;
  rig.LdbPort(8, 8, &id);
  Start(&rig, &told);
  const std::string at = std::to_string(rig.domain_id) + " " + std::to_string(id);
  CHECK_EQUAL(dlb_sim_control(("watchdog " + at).c_str()), 0);
  const dlb_alert_t alert = told.Next();
  CHECK_EQUAL(alert.id, DLB_ALERT_CQ_WATCHDOG_TIMEOUT);
  CHECK_EQUAL(alert.data, static_cast<uint64_t>(id) | 256);
  CHECK_EQUAL(dlb_sim_control("watchdog 31 dir 9"), -1);
  rig.TearDown();
  CHECK_EQUAL(told.count(), 2);
}

void DeviceReset() {
  Told told;
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  Start(&rig, &told);
  CHECK_EQUAL(Send(port, 20, {queue}), 20);
  CHECK_EQUAL(dlb_sim_control("device-reset 0 60000"), 0);
  CHECK_EQUAL(told.Next().id, DLB_ALERT_DEVICE_RESET);
  CHECK_FAILS(Send(port, 1, {queue}), EACCES);
  CHECK_EQUAL(Receive(port).size(), 8);
  dlb_event_t event{};
  CHECK_FAILS(dlb_recv(port, 1, false, &event), EACCES);
  dlb_hdl_t device = nullptr;
  CHECK_FAILS(dlb_open(0, &device), EINVAL);
  dlb_resources_t resources{};
  CHECK_FAILS(dlb_get_num_resources(rig.device, &resources), EINVAL);
  rig.TearDown();
  CHECK_EQUAL(dlb_sim_control("device-reset 0 0"), 0);
  CHECK_EQUAL(dlb_open(0, &device), 0);
  CHECK_EQUAL(dlb_get_num_resources(device, &resources), 0);
  CHECK_EQUAL(resources.num_sched_domains, 32);
  CHECK_EQUAL(dlb_close(device), 0);
}

// A hardware error's id is not initialised. Here it is 0, which reads as a device reset and ends
// the thread.
void HardwareError() {
  CapturedStdout out;
  Told told;
  Rig rig;
  Start(&rig, &told);
  CHECK_EQUAL(dlb_sim_control("hardware-error 31"), 0);
  CHECK_EQUAL(told.Next().id, 0);
  rig.TearDown();
  CHECK_EQUAL(told.count(), 1);
  CHECK(out.Text().find("Internal error: received kernel alert") != std::string::npos);
}

void NoCallsFromCallback() {
  const auto callback = [](dlb_alert_t* alert, int, void* arg) {
    // The domain's reset releases the lock while it waits. The call is a breach nevertheless.
    dlb_resources_t resources{};
    if (alert->id == DLB_ALERT_DOMAIN_RESET) dlb_get_num_resources(*static_cast<dlb_hdl_t*>(arg), &resources);
  };
  Rig rig;
  CHECK_EQUAL(dlb_launch_domain_alert_thread(rig.domain, callback, &rig.device), 0);
  rig.TearDown();
  EXPECT_BREACH("dlb_get_num_resources is called from the alert callback");
}

}  // namespace

Tests AlertTests() {
  return {
      {"a reset waits for its own alert's callback", DomainReset},
      {"a watchdog alert names the port", Watchdog},
      {"a device reset disables all ports and leaves the way out", DeviceReset},
      {"a hardware error reads as a device reset", HardwareError},
      {"calls from the callback are breaches", NoCallsFromCallback},
  };
}

}  // namespace dlb_sim_test
