// The software credits: which port has them at which time. The figures are those measured with the
// real library.
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

struct Line {
  explicit Line(uint32_t credits, bool combined = true)
      : rig({combined, 1, 1, 3, 1024, credits, 64, 0}), queue(rig.Queue()) {
    receiver = rig.LdbPort(1024, 1024);
    for (dlb_port_hdl_t& sender : senders) sender = rig.DirPort();
    rig.Link(receiver, queue);
    rig.Start();
  }
  int Offer(dlb_port_hdl_t port, uint32_t count) { return Send(port, count, {queue}); }
  void End() {
    Drain(receiver);
    rig.TearDown();
  }

  Rig rig;
  int queue;
  dlb_port_hdl_t receiver = nullptr;
  dlb_port_hdl_t senders[3] = {};
};

void InBatches() {
  Line line(64);
  CHECK_EQUAL(line.Offer(line.senders[0], 1), 1);
  CHECK_EQUAL(line.Offer(line.senders[1], 1), 1);
  CHECK_EQUAL(line.Offer(line.senders[2], 1), 0);
  CHECK_EQUAL(dlb_disable_port(line.senders[0]), 0);
  CHECK_EQUAL(line.Offer(line.senders[2], 1), 1);
  line.End();
}

void StarvingSender() {
  Line line(64);
  CHECK_EQUAL(line.Offer(line.senders[0], 1), 1);
  CHECK_EQUAL(line.Offer(line.senders[1], 1), 1);
  int tries = 0;
  dlb_event_t event{};
  for (int sent = 0; sent == 0; tries++) {
    sent = line.Offer(line.senders[2], 1);
    if (tries % 4 == 0) dlb_recv(line.receiver, 1, false, &event);
  }
  CHECK(tries > 4090 && tries < 4120);
  CHECK_EQUAL(dlb_release(line.receiver, 2), 2);
  line.End();
}

void SlowReturn() {
  Line line(40);
  CHECK_EQUAL(line.Offer(line.senders[0], 64), 40);
  CHECK_EQUAL(line.Offer(line.senders[0], 64), 0);
  CHECK_EQUAL(Receive(line.receiver, 64).size(), 40);
  for (int i = 0; i < 1024; i++) Receive(line.receiver, 1);
  CHECK_EQUAL(line.Offer(line.senders[0], 1), 0);
  Receive(line.receiver, 1);
  CHECK_EQUAL(line.Offer(line.senders[0], 64), 40);
  CHECK_EQUAL(dlb_release(line.receiver, 40), 40);
  line.End();
}

void RichPortGivesBack() {
  Line line(128);
  CHECK_EQUAL(line.Offer(line.senders[0], 128), 128);
  CHECK_EQUAL(Receive(line.receiver, 64).size(), 64);
  // 64 is not more than 64. With one more, the next call returns all but 32.
  CHECK_EQUAL(dlb_release(line.receiver, 1), 1);
  CHECK_EQUAL(line.Offer(line.senders[0], 1), 0);
  CHECK_EQUAL(Receive(line.receiver, 1).size(), 1);
  CHECK_EQUAL(dlb_release(line.receiver, 1), 1);
  CHECK_EQUAL(line.Offer(line.senders[0], 64), 33);
  CHECK_EQUAL(Receive(line.receiver, 128).size(), 96);
  CHECK_EQUAL(dlb_release(line.receiver, 159), 159);
  line.End();
}

void FailedSendsGiveBack() {
  Line line(32, false);
  const int directed = line.rig.domain_id;
  CHECK(directed >= 0);
  // The port holds 31 load-balanced credits, and fails because it has no directed ones.
  CHECK_EQUAL(line.Offer(line.senders[0], 1), 1);
  CHECK_EQUAL(line.Offer(line.senders[1], 1), 0);
  for (int i = 0; i < 98; i++) CHECK_EQUAL(line.Offer(line.senders[1], 1), 0);
  CHECK_EQUAL(line.Offer(line.senders[0], 31), 31);
  for (int i = 0; i < 100; i++) line.Offer(line.senders[0], 1);
  CHECK_EQUAL(line.Offer(line.senders[1], 1), 0);
  line.End();
}

void SeparateKinds() {
  Rig rig({false, 1, 1, 2, 64, 32, 32, 0});
  const int queue = rig.Queue();
  const int directed = rig.DirQueue();
  dlb_port_hdl_t port = rig.LdbPort(64);
  dlb_port_hdl_t sink = rig.DirPort(64, directed);
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(port, 64, {queue}), 32);
  CHECK_EQUAL(Send(port, 64, {directed, DLB_SCHED_DIRECTED}), 32);
  CHECK_EQUAL(Send(port, 1, {queue}), 0);
  // Credits of each kind go back to the port that received events of that kind.
  CHECK_EQUAL(Receive(sink).size(), 32);
  CHECK_EQUAL(Send(sink, 1, {queue}), 0);
  CHECK_EQUAL(Send(sink, 1, {directed, DLB_SCHED_DIRECTED}), 1);
  CHECK_EQUAL(Drain(port).size(), 32);
  CHECK_EQUAL(Drain(sink, true).size(), 1);
  rig.TearDown();
}

}  // namespace

Tests CreditTests() {
  return {
      {"a port takes credits 32 at a time and keeps them", InBatches},
      {"a sender starves for 4100 tries", StarvingSender},
      {"a receiver returns all after 1025 empty receives", SlowReturn},
      {"a port with more than 64 returns all but 32", RichPortGivesBack},
      {"100 failed sends return what a port holds", FailedSendsGiveBack},
      {"2.0 has two kinds of credits", SeparateKinds},
  };
}

}  // namespace dlb_sim_test
