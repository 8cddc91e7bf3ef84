// Receiving by eventfd: who reads it, when the interrupt is armed, and what goes wrong.
#include <array>
#include <chrono>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

#include "../libdlb_sim.h"
#include "captured_stdout.h"
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

const char* const kEpollLine = "[__dlb_recv()] Error: epoll read\n";

struct Polled {
  Polled() : queue(rig.Queue()), port(rig.LdbPort(16)), sender(rig.DirPort()), fd(eventfd(0, EFD_NONBLOCK)) {
    rig.Link(port, queue);
    CHECK_EQUAL(dlb_enable_cq_epoll(port, true, fd), 0);
    rig.Start();
  }
  ~Polled() { close(fd); }
  Polled(const Polled&) = delete;
  Polled& operator=(const Polled&) = delete;

  bool IsReadable() const {
    pollfd poll_fd{fd, POLLIN, 0};
    return poll(&poll_fd, 1, 0) == 1;
  }
  bool BecomesReadable() const {
    pollfd poll_fd{fd, POLLIN, 0};
    return poll(&poll_fd, 1, 5000) == 1;
  }
  void Offer(uint32_t count) { CHECK_EQUAL(Send(sender, count, {queue}), count); }
  // Receives up to `max` events, checks that there are `count`, and releases them.
  void Take(uint32_t max, size_t count) {
    CHECK_EQUAL(Receive(port, max).size(), count);
    CHECK_EQUAL(dlb_release(port, static_cast<uint32_t>(count)), count);
  }

  Rig rig;
  int queue;
  dlb_port_hdl_t port;
  dlb_port_hdl_t sender;
  int fd;
};

void WakesAndRearms() {
  Polled p;
  CapturedStdout out;
  CHECK(!p.IsReadable());
  for (int round = 0; round < 3; round++) {
    p.Offer(3);
    CHECK(p.IsReadable());
    p.Take(16, 3);
    // The interrupt was armed before the tokens went back.
    CHECK(p.IsReadable());
    p.Take(16, 0);
    CHECK(!p.IsReadable());
  }
  CHECK_EQUAL(out.Text(), "");
  p.rig.TearDown();
}

void LevelTriggered() {
  Polled p;
  p.Offer(5);
  p.Take(3, 3);
  CHECK(p.IsReadable());
  p.Take(3, 2);
  CHECK(p.IsReadable());
  p.Take(3, 0);
  CHECK(!p.IsReadable());
  p.rig.TearDown();
}

void LosesOneInterrupt() {
  Polled p;
  CHECK_EQUAL(dlb_sim_control("interrupts arrival"), 0);
  CHECK_EQUAL(dlb_sim_control("lose-interrupt 2"), 0);
  p.Offer(1);
  CHECK(p.IsReadable());
  p.Take(16, 1);
  p.Offer(1);
  CHECK(!p.IsReadable());
  // The interrupt is not armed any more, so the next ones do not come either, until a receive arms
  // it.
  p.Offer(1);
  CHECK(!p.IsReadable());
  CHECK_EQUAL(eventfd_write(p.fd, 1), 0);
  p.Take(16, 2);
  p.Offer(1);
  CHECK(p.IsReadable());
  p.Take(16, 1);
  p.rig.TearDown();
}

void FewVectors() {
  CHECK_EQUAL(dlb_sim_control("vectors 1"), 0);
  Rig rig;
  std::array<int, 2> fds{};
  std::array<int, 2> queues{};
  std::array<dlb_port_hdl_t, 2> ports{};
  for (size_t i = 0; i < 2; i++) {
    fds[i] = eventfd(0, EFD_NONBLOCK);
    queues[i] = rig.Queue();
    ports[i] = rig.LdbPort();
    rig.Link(ports[i], queues[i]);
    CHECK_EQUAL(dlb_enable_cq_epoll(ports[i], true, fds[i]), 0);
  }
  rig.Start();
  for (size_t i = 0; i < 2; i++) {
    CHECK_EQUAL(Send(ports[i], 1, {queues[i]}), 1);
    pollfd poll_fd{fds[i], POLLIN, 0};
    CHECK_EQUAL(poll(&poll_fd, 1, 0), i == 0 ? 1 : 0);
    CHECK_EQUAL(eventfd_write(fds[i], 1), 0);
    CHECK_EQUAL(Drain(ports[i]).size(), 1);
  }
  rig.TearDown();
  for (const int fd : fds) close(fd);
}

// An event comes after a receive has found the CQ empty, and before that receive reads the eventfd.
void EatsInTheWindow() {
  Polled p;
  CHECK_EQUAL(dlb_sim_control("interrupts arrival"), 0);
  CHECK_EQUAL(dlb_sim_control("slow-looks 50"), 0);
  bool eaten = false;
  // If the receive has not begun when the event comes, it finds the event.
  for (int round = 0; round < 100 && !eaten; round++) {
    CHECK_EQUAL(eventfd_write(p.fd, 1), 0);
    size_t found = 0;
    std::thread receiver([&] { found = Receive(p.port).size(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    p.Offer(1);
    receiver.join();
    eaten = found == 0 && !p.IsReadable();
    if (!eaten && found == 0) found = Receive(p.port).size();
    if (!eaten) CHECK_EQUAL(dlb_release(p.port, static_cast<uint32_t>(found)), found);
  }
  CHECK(eaten);
  CHECK_EQUAL(dlb_sim_control("slow-looks 0"), 0);
  CHECK_EQUAL(eventfd_write(p.fd, 1), 0);
  p.Take(16, 1);
  p.rig.TearDown();
}

void DeafAfterForeignRead() {
  Polled p;
  CapturedStdout out;
  p.Offer(1);
  uint64_t wakes = 0;
  CHECK_EQUAL(read(p.fd, &wakes, sizeof wakes), sizeof wakes);
  p.Take(16, 1);
  CHECK_EQUAL(out.Text(), kEpollLine);
  p.Offer(1);
  CHECK(!p.IsReadable());
  // A receive without a wake changes nothing.
  p.Take(16, 1);
  CHECK(!p.IsReadable());
  p.rig.TearDown();
}

void FiresOnArrivalOnly() {
  CHECK_EQUAL(dlb_sim_control("interrupts arrival"), 0);
  Polled p;
  p.Offer(1);
  p.Take(16, 1);
  CHECK(!p.IsReadable());
  p.Offer(1);
  CHECK(p.IsReadable());
  p.Take(16, 1);
  p.rig.TearDown();
}

void HandleHasIt() {
  Polled p;
  dlb_port_hdl_t other = nullptr;
  for (int id = 0; other == nullptr && id < 64; id++) other = dlb_attach_ldb_port(p.rig.domain, id);
  p.Offer(1);
  CHECK_EQUAL(Receive(other).size(), 1);
  CHECK(p.IsReadable());
  CHECK_EQUAL(dlb_release(other, 1), 1);
  CHECK_EQUAL(dlb_detach_port(other), 0);
  p.rig.TearDown();
}

void DisableDoesNotSignal() {
  Polled p;
  CHECK_EQUAL(dlb_disable_port(p.port), 0);
  CHECK(!p.IsReadable());
  p.rig.TearDown();
}

void ExactReceivesMayLook() {
  Polled p;
  CHECK_EQUAL(dlb_sim_control("interrupts arrival"), 0);
  p.Offer(2);
  p.Take(2, 2);
  CHECK(p.IsReadable());
  CHECK_EQUAL(dlb_sim_control("exact-receives-look"), 0);
  p.Offer(2);
  p.Take(2, 2);
  CHECK(!p.IsReadable());
  CHECK_EQUAL(dlb_sim_control("clear-faults"), 0);
  p.rig.TearDown();
}

void FailingEnableKeepsIt() {
  CHECK_EQUAL(dlb_sim_control("fail dlb_enable_cq_epoll 1 EIO"), 0);
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  const int fd = eventfd(0, EFD_NONBLOCK);
  CHECK_FAILS(dlb_enable_cq_epoll(port, true, fd), EIO);
  rig.Start();
  CapturedStdout out;
  CHECK_EQUAL(Receive(port).size(), 0);
  CHECK_EQUAL(out.Text(), kEpollLine);
  // The device does not know the eventfd.
  CHECK_EQUAL(Send(port, 1, {queue}), 1);
  uint64_t wakes = 0;
  CHECK(read(fd, &wakes, sizeof wakes) < 0);
  CHECK_EQUAL(Receive(port).size(), 1);
  CHECK_EQUAL(dlb_release(port, 1), 1);
  rig.TearDown();
  close(fd);
}

void BadDescriptors() {
  Rig rig;
  rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  const int blocking = eventfd(0, 0);
  CHECK_EQUAL(dlb_enable_cq_epoll(port, true, blocking), 0);
  EXPECT_BREACH("is not EFD_NONBLOCK");
  close(blocking);
  CHECK_EQUAL(dlb_enable_cq_epoll(port, true, 12345), 0);
  EXPECT_BREACH("12345, which is no descriptor");
  rig.Start();
  CapturedStdout out;
  CHECK_EQUAL(Receive(port).size(), 0);
  EXPECT_BREACH("is closed");
  rig.TearDown();
}

void DistortedInterrupts() {
  {
    Polled p;
    CHECK_EQUAL(dlb_sim_control("spurious-interrupts 1"), 0);
    p.Offer(1);
    p.Take(16, 1);
    p.Take(16, 0);
    CHECK(p.IsReadable());
    p.rig.TearDown();
  }
  dlb_sim_reset();
  {
    Polled p;
    CHECK_EQUAL(dlb_sim_control("delay-interrupts 30"), 0);
    p.Offer(1);
    CHECK(p.BecomesReadable());
    p.Take(16, 1);
    p.rig.TearDown();
  }
  dlb_sim_reset();
  Polled p;
  CHECK_EQUAL(dlb_sim_control("lost-interrupts 1"), 0);
  p.Offer(1);
  CHECK(!p.IsReadable());
  p.Take(16, 1);
  p.rig.TearDown();
}

}  // namespace

Tests EpollTests() {
  return {
      {"the eventfd wakes, and dlb_recv reads and re-arms it", WakesAndRearms},
      {"the eventfd stays readable while the CQ is not empty", LevelTriggered},
      {"whoever reads the eventfd himself makes the port deaf", DeafAfterForeignRead},
      {"a device that fires on arrival only gives no spurious wake", FiresOnArrivalOnly},
      {"the eventfd belongs to the handle", HandleHasIt},
      {"dlb_disable_port does not signal the eventfd", DisableDoesNotSignal},
      {"a receive of all that there is may look whether there is more", ExactReceivesMayLook},
      {"a failing dlb_enable_cq_epoll keeps the descriptor", FailingEnableKeepsIt},
      {"descriptors that the driver takes for good are breaches", BadDescriptors},
      {"interrupts can be spurious, late and lost", DistortedInterrupts},
      {"one interrupt can be lost, and with it all until somebody looks", LosesOneInterrupt},
      {"consumer queues without an interrupt vector are silent", FewVectors},
      {"an event that comes while the eventfd is read is not announced", EatsInTheWindow},
  };
}

}  // namespace dlb_sim_test
