// A consumer queue's memory: its layouts, its generation bit, and the tokens that keep the device
// from overwriting it.
#include <algorithm>
#include <cstring>
#include <vector>

#include "../cq_ring.h"
#include "../libdlb_sim.h"
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

using dlb_sim::CqLayout;
using dlb_sim::CqRing;

constexpr const char* kLayouts[] = {"cq std", "cq sparse"};

dlb_event_t Numbered(uint64_t number) {
  dlb_event_t event{};
  event.udata64 = number;
  return event;
}

// The numbers in a line of the memory, by their offsets; 0 where nothing was written.
std::vector<uint64_t> NumbersIn(const CqRing::CacheLine& line) {
  uint64_t words[8];
  static_assert(sizeof words == sizeof line, "a line has 64 bytes");
  std::memcpy(words, &line, sizeof line);
  return {words[0], words[2], words[4], words[6]};
}

void Layouts() {
  CqRing packed(16, CqLayout::kStd);
  CqRing sparse(16, CqLayout::kSparse);
  CHECK_EQUAL(packed.memory().size(), 4);
  CHECK_EQUAL(sparse.memory().size(), 16);
  CHECK_EQUAL(reinterpret_cast<uintptr_t>(packed.memory().data()) % 64, 0);
  for (uint64_t i = 1; i <= 6; i++) {
    packed.Write(Numbered(i), 0);
    sparse.Write(Numbered(i), 0);
  }
  CHECK_EQUAL(NumbersIn(packed.memory()[0]), std::vector<uint64_t>{1, 2, 3, 4});
  CHECK_EQUAL(NumbersIn(packed.memory()[1]), std::vector<uint64_t>{5, 6, 0, 0});
  CHECK_EQUAL(NumbersIn(sparse.memory()[0]), std::vector<uint64_t>{1, 0, 0, 0});
  CHECK_EQUAL(NumbersIn(sparse.memory()[5]), std::vector<uint64_t>{6, 0, 0, 0});
  CHECK_EQUAL(NumbersIn(sparse.memory()[6]), std::vector<uint64_t>{0, 0, 0, 0});
}

void LeastPlaces() {
  CHECK_EQUAL(CqRing(1, CqLayout::kStd).memory().size(), 2);
  CHECK_EQUAL(CqRing(4, CqLayout::kSparse).memory().size(), 8);
  CHECK_EQUAL(CqRing(1024, CqLayout::kStd).memory().size(), 256);
}

// The number of events in the ring varies, at all its places, over many rounds. Every event that
// was written is read, and nothing that an earlier round left is taken for new.
void Rounds() {
  for (const CqLayout layout : {CqLayout::kStd, CqLayout::kSparse}) {
    CqRing ring(8, layout);
    uint64_t written = 0;
    uint64_t read = 0;
    for (uint32_t step = 0; step < 400; step++) {
      const uint32_t room = 8 - ring.unread();
      for (uint32_t i = 0; i < std::min(room, 1 + step % 8); i++) ring.Write(Numbered(written++), 3);
      for (uint32_t left = 1 + step / 8 % 8; left > 0 && ring.Next() != nullptr; left--) {
        CHECK_EQUAL(ring.Next()->udata64, read);
        // The first round has the bit set.
        CHECK_EQUAL(ring.Next()->command, 3 << 1 | (read / 8 % 2 == 0 ? 1 : 0));
        read++;
        ring.Advance();
      }
      CHECK_EQUAL(ring.unread(), written - read);
      CHECK_EQUAL(ring.Next() == nullptr, written == read);
    }
    CHECK(read > 100);
  }
}

// The same through libdlb's calls.
void Received(bool directed, uint32_t depth) {
  Rig rig;
  int id = 0;
  const auto cq_depth = static_cast<uint16_t>(depth);
  dlb_port_hdl_t port = directed ? rig.DirPort(cq_depth, -1, &id) : rig.LdbPort(cq_depth);
  const Spec spec{directed ? rig.DirQueue(id) : rig.Queue(),
                  static_cast<uint8_t>(directed ? DLB_SCHED_DIRECTED : DLB_SCHED_UNORDERED)};
  if (!directed) rig.Link(port, spec.queue);
  rig.Start();
  const uint32_t places = std::max(depth, 8U);
  std::vector<dlb_event_t> events(depth);
  uint64_t sent = 0;
  uint64_t received = 0;
  for (uint32_t step = 0; received < 4 * places; step++) {
    if (sent - received < depth) sent += static_cast<uint64_t>(Send(port, 1 + step % depth, spec, sent));
    const int count = dlb_recv(port, 1 + step * 7 % depth, false, events.data());
    CHECK(count > 0);
    for (int i = 0; i < count; i++, received++) {
      CHECK_EQUAL(events[static_cast<size_t>(i)].udata64, received);
      CHECK_EQUAL(events[static_cast<size_t>(i)].command & 1, received / places % 2 == 0 ? 1 : 0);
    }
    if (!directed) CHECK_EQUAL(dlb_release(port, static_cast<uint32_t>(count)), count);
  }
  CHECK_EQUAL(Drain(port, directed), Numbers(received, sent));
  rig.TearDown();
}

void InEachLayout() {
  for (const char* layout : kLayouts) {
    CHECK_EQUAL(dlb_sim_control(layout), 0);
    for (const uint32_t depth : {1U, 2U, 4U, 8U, 16U, 256U}) {
      Received(false, depth);
      Received(true, depth);
    }
  }
}

// The depth bounds more than the events in the ring: an event that was received counts until its
// token is returned.
void Tokens() {
  for (const char* layout : kLayouts) {
    CHECK_EQUAL(dlb_sim_control(layout), 0);
    for (const uint32_t depth : {4U, 8U}) {
      Rig rig;
      const int queue = rig.Queue();
      dlb_port_hdl_t port = rig.LdbPort(static_cast<uint16_t>(depth), 64);
      rig.Link(port, queue);
      rig.Start();
      CHECK_EQUAL(Send(port, 50, {queue}), 50);
      std::vector<dlb_event_t> events(50);
      CHECK_EQUAL(dlb_recv_no_pop(port, 50, false, events.data()), depth);
      // This runs at every place of the ring, with all the tokens out but one.
      for (uint32_t number = depth; number < 40; number++) {
        CHECK_EQUAL(dlb_recv_no_pop(port, 50, false, events.data()), 0);
        CHECK_EQUAL(dlb_pop_cq(port, 1), 1);
        CHECK_EQUAL(dlb_recv_no_pop(port, 50, false, events.data()), 1);
        CHECK_EQUAL(events[0].udata64, number);
      }
      CHECK_EQUAL(dlb_pop_cq(port, depth), depth);
      CHECK_EQUAL(dlb_release(port, 40), 40);
      CHECK_EQUAL(Drain(port), Numbers(40, 50));
      rig.TearDown();
    }
  }
}

// The tokens are on their way to the device, and the library counts them as returned.
void TokensInTransit() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(port, 8, {queue}), 8);
  std::vector<dlb_event_t> events(8);
  CHECK_EQUAL(dlb_recv_no_pop(port, 4, false, events.data()), 4);
  CHECK_EQUAL(dlb_sim_control("latency 1000000"), 0);
  dlb_event_t token{};
  token.command = DLB_CMD_BAT_T;
  CHECK_EQUAL(dlb_pop_cq(port, 3), 3);
  CHECK_EQUAL(dlb_adv_send(port, 1, &token), 1);
  token.command = DLB_CMD_BAT_T;
  CHECK_FAILS(dlb_adv_send(port, 1, &token), EINVAL);
  CHECK_EQUAL(dlb_pop_cq(port, 1), 0);
  EXPECT_BREACH("pop of 1 tokens");
  CHECK_EQUAL(dlb_sim_control("latency 0"), 0);
  CHECK_EQUAL(dlb_recv(port, 8, false, events.data()), 4);
  CHECK_EQUAL(dlb_release(port, 8), 8);
  rig.TearDown();
}

void Knob() {
  CHECK_EQUAL(dlb_sim_control("cq"), -1);
  CHECK_EQUAL(dlb_sim_control("cq dense"), -1);
  CHECK_EQUAL(std::strcmp(dlb_sim_error(), "cq: cq std|sparse"), 0);
  Rig rig;
  CHECK_EQUAL(dlb_sim_control("cq std"), -1);
  CHECK_EQUAL(std::strcmp(dlb_sim_error(), "cq: not while there are domains"), 0);
  rig.TearDown();
  CHECK_EQUAL(dlb_sim_control("cq std"), 0);
}

}  // namespace

Tests CqTests() {
  return {
      {"a consumer queue's elements are packed four to a cache line, or lie one to a line", Layouts},
      {"a consumer queue's ring has eight places at least", LeastPlaces},
      {"the generation bit tells new elements from those of earlier rounds", Rounds},
      {"events come through the ring in each layout, at all depths", InEachLayout},
      {"tokens hold the device to a consumer queue's depth", Tokens},
      {"a token that is on its way back is not returned twice", TokensInTransit},
      {"the layout is chosen while there are no domains", Knob},
  };
}

}  // namespace dlb_sim_test
