// Tests that broken rules are reported.
#include <thread>

#include "../libdlb_sim.h"
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

void BeforeStart() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  CHECK_FAILS(Send(port, 1, {queue}), EPERM);
  EXPECT_BREACH("before its start");
  dlb_event_t event{};
  CHECK_FAILS(dlb_recv(port, 1, false, &event), EPERM);
  EXPECT_BREACH("receive on port");
  rig.TearDown();
}

void UnknownQueues() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  std::vector<dlb_event_t> events = Events(2, {queue});
  events[1].queue_id = 3;
  CHECK_FAILS(dlb_send(port, 2, events.data()), EINVAL);
  CHECK_EQUAL(Receive(port).size(), 0);
  CHECK_FAILS(Send(port, 1, {130}), EINVAL);
  EXPECT_BREACH("out of libdlb's table");
  rig.TearDown();
}

void ReleaseOfTooMany() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(port, 2, {queue}), 2);
  CHECK_EQUAL(Receive(port, 1).size(), 1);
  CHECK_EQUAL(dlb_release(port, 2), 1);
  EXPECT_BREACH("release of 2 events");
  CHECK_EQUAL(dlb_release(port, static_cast<uint32_t>(-1)), 0);
  EXPECT_BREACH("release of 4294967295 events");
  CHECK_EQUAL(dlb_pop_cq(port, 1), 0);
  EXPECT_BREACH("pop of 1 tokens");
  CHECK_EQUAL(Drain(port).size(), 1);
  rig.TearDown();
}

void Leftovers() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(port, 20, {queue}), 20);
  CHECK_EQUAL(Receive(port, 3).size(), 3);
  rig.TearDown();
  EXPECT_BREACH("12 events queued, 5 scheduled and not received, 3 received and not released");
}

void DeadHandles() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Start();
  rig.TearDown();
  CHECK_FAILS(Send(port, 1, {queue}), EINVAL);
  EXPECT_BREACH("dlb_send with a port handle that was given back");
  CHECK_FAILS(dlb_close(rig.device), EINVAL);
  EXPECT_BREACH("dlb_close with a device handle");
  CHECK_FAILS(dlb_send(nullptr, 0, nullptr), EINVAL);
}

void TwoThreads() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  // A port may move from thread to thread.
  std::thread([&] { CHECK_EQUAL(Send(port, 1, {queue}), 1); }).join();
  std::thread([&] { CHECK_EQUAL(Receive(port).size(), 1); }).join();
  CHECK_EQUAL(dlb_release(port, 1), 1);
  CHECK_EQUAL(dlb_sim_breach_count(), 0);
  std::thread waiting([&] {
    dlb_event_t event{};
    CHECK_EQUAL(dlb_recv(port, 1, true, &event), 1);
  });
  // One breach during the wait is enough, and ends it.
  while (dlb_sim_breach_count() == 0) {
    dlb_event_t none{};
    dlb_send(port, 0, &none);
  }
  CHECK_EQUAL(Send(port, 1, {queue}), 1);
  waiting.join();
  EXPECT_BREACHES(dlb_sim_breach_count(), "while another thread uses the port");
  CHECK_EQUAL(dlb_release(port, 1), 1);
  rig.TearDown();
}

void NegativeDomain() {
  Rig rig;
  CHECK_FAILS(dlb_reset_sched_domain(rig.device, -1), EINVAL);
  EXPECT_BREACH("reads before libdlb's array");
  rig.TearDown();
}

}  // namespace

Tests BreachTests() {
  return {
      {"sending and receiving before the start", BeforeStart},
      {"queues that are not there", UnknownQueues},
      {"releases and pops of more than is owed", ReleaseOfTooMany},
      {"events that are left at the reset", Leftovers},
      {"handles that were given back", DeadHandles},
      {"two threads on a port", TwoThreads},
      {"a reset of a negative domain", NegativeDomain},
  };
}

}  // namespace dlb_sim_test
