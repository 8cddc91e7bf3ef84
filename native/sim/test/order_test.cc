// Ordered scheduling, fragments, forwards, and enqueues that the hardware refuses.
#include <algorithm>

#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

struct Stage {
  explicit Stage(const Shape& shape = {}) : rig(shape) {
    queue = rig.Queue(64);
    out = rig.DirQueue();
    a = rig.LdbPort(64, 128);
    b = rig.LdbPort(64, 128);
    sink = rig.DirPort(128, out);
    rig.Link(a, queue);
    rig.Link(b, queue);
    rig.Start();
  }
  Rig rig;
  int queue;
  int out;
  dlb_port_hdl_t a = nullptr;
  dlb_port_hdl_t b = nullptr;
  dlb_port_hdl_t sink = nullptr;
};

void Restored() {
  Stage s;
  CHECK_EQUAL(Send(s.sink, 4, {s.queue, DLB_SCHED_ORDERED}), 4);
  const std::vector<uint64_t> at_a = Receive(s.a);
  const std::vector<uint64_t> at_b = Receive(s.b);
  CHECK_EQUAL(at_a.size(), 2);
  dlb_port_hdl_t first = at_a[0] == 0 ? s.a : s.b;
  dlb_port_hdl_t second = first == s.a ? s.b : s.a;
  const std::vector<uint64_t>& late = first == s.a ? at_b : at_a;
  for (const uint64_t number : late) {
    CHECK_EQUAL(Forward(second, 1, {s.out, DLB_SCHED_DIRECTED}, number), 1);
    CHECK_EQUAL(Receive(s.sink).size(), 0);
  }
  // New events take no place in the order; a release leaves no gap.
  CHECK_EQUAL(Send(second, 1, {s.out, DLB_SCHED_DIRECTED}, 50), 1);
  CHECK_EQUAL(Receive(s.sink), Numbers(50, 51));
  CHECK_EQUAL(Forward(first, 1, {s.out, DLB_SCHED_DIRECTED}, 0), 1);
  CHECK_EQUAL(Receive(s.sink), Numbers(0, 2));
  CHECK_EQUAL(dlb_release(first, 1), 1);
  CHECK_EQUAL(Receive(s.sink), Numbers(3, 4));
  s.rig.TearDown();
}

void Window() {
  Stage s;
  CHECK_EQUAL(Send(s.sink, 100, {s.queue, DLB_SCHED_ORDERED}), 100);
  const size_t at_a = Receive(s.a, 128).size();
  const size_t at_b = Receive(s.b, 128).size();
  CHECK_EQUAL(at_a + at_b, 64);
  CHECK_EQUAL(dlb_release(s.a, 32), 32);
  CHECK_EQUAL(dlb_release(s.b, 32), 32);
  CHECK_EQUAL(Drain(s.a).size() + Drain(s.b).size(), 36);
  s.rig.TearDown();
}

void Fragments() {
  Stage s;
  CHECK_EQUAL(Send(s.sink, 2, {s.queue, DLB_SCHED_ORDERED}), 2);
  const bool first_at_a = Receive(s.a)[0] == 0;
  Receive(s.b);
  dlb_port_hdl_t first = first_at_a ? s.a : s.b;
  dlb_port_hdl_t second = first_at_a ? s.b : s.a;
  std::vector<dlb_event_t> pieces = Events(3, {s.out, DLB_SCHED_DIRECTED}, 10);
  pieces[0].command = pieces[1].command = DLB_CMD_FRAG;
  pieces[2].command = DLB_CMD_FWD;
  CHECK_EQUAL(dlb_adv_send(second, 3, pieces.data()), 3);
  CHECK_EQUAL(Receive(s.sink).size(), 0);
  CHECK_EQUAL(Forward(first, 1, {s.out, DLB_SCHED_DIRECTED}, 9), 1);
  CHECK_EQUAL(Receive(s.sink), Numbers(9, 13));
  s.rig.TearDown();
}

void NoFragmentsOn20() {
  Shape shape;
  shape.combined = false;
  Stage s(shape);
  CHECK_EQUAL(Send(s.a, 1, {s.queue, DLB_SCHED_ORDERED}), 1);
  dlb_port_hdl_t port = Receive(s.a).empty() ? s.b : s.a;
  if (port == s.b) Receive(s.b);
  std::vector<dlb_event_t> piece = Events(1, {s.out, DLB_SCHED_DIRECTED});
  piece[0].command = DLB_CMD_FRAG;
  CHECK_EQUAL(dlb_adv_send(port, 1, piece.data()), 1);
  EXPECT_BREACH("a fragment, which DLB 2.0 does not have");
  CHECK_EQUAL(dlb_release(port, 1), 1);
  s.rig.TearDown();
}

void WrongQueue() {
  Stage s;
  const int queue = s.queue;
  CHECK_EQUAL(Send(s.sink, 3, {queue, DLB_SCHED_UNORDERED}), 3);
  EXPECT_BREACHES(3, "an unordered event for a queue with sequence numbers");
  CHECK_EQUAL(Receive(s.a).size() + Receive(s.b).size(), 0);
  s.rig.TearDown();
  Rig rig;
  const int plain = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, plain);
  rig.Start();
  CHECK_EQUAL(Send(port, 1, {plain, DLB_SCHED_ORDERED}), 1);
  EXPECT_BREACH("an ordered event for a queue without sequence numbers");
  rig.TearDown();
}

// The forward completes events that were not received. This wraps the count of owed events, after
// which releases are not bounded any more.
void ForwardOfTooMany() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Forward(port, 1, {queue}), 1);
  EXPECT_BREACHES(2, "forward of more than");
  EXPECT_BREACHES(0, "a forward without an event to complete");
  CHECK_EQUAL(dlb_release(port, 2), 2);
  EXPECT_BREACHES(2, "a completion without an event");
  CHECK_EQUAL(Send(port, 3, {queue}), 3);
  CHECK_EQUAL(Receive(port).size(), 3);
  // 65535 - 2 + 3 is 0 in 16 bits: these can never be released.
  CHECK_EQUAL(dlb_release(port, 3), 0);
  EXPECT_BREACH("release of 3 events");
  rig.DetachPorts();
  CHECK_EQUAL(dlb_detach_sched_domain(rig.domain), 0);
  CHECK_EQUAL(dlb_reset_sched_domain(rig.device, rig.domain_id), 0);
  EXPECT_BREACH("0 scheduled and not received, 3 received and not released");
  CHECK_EQUAL(dlb_close(rig.device), 0);
}

}  // namespace

Tests OrderTests() {
  return {
      {"ordered events leave in the order in which they came", Restored},
      {"sequence numbers bound what is between scheduling and completion", Window},
      {"fragments take the place of their event", Fragments},
      {"2.0 has no fragments", NoFragmentsOn20},
      {"an event of the wrong type is dropped, with an alert", WrongQueue},
      {"a forward of more than was received is dropped, and wraps the counter", ForwardOfTooMany},
  };
}

}  // namespace dlb_sim_test
