/*
 * What a worker has accepted and not handed on: Acceptor, DeviceSink and OwnSink
 * (lib/worker/connections/) and Adoption against main's clearing up after a death, through the
 * ledger's entries and the pending lists (lib/ledger/).
 *
 * Two workers accept, send, adopt and close, and main accepts, too. With NOP, the workers also
 * accept for themselves: what they accept so is in the ledger as their own at once. Worker 0 may
 * die between any two steps: its JS ends there, and what the addon does in one call is done or not.
 * Then Node closes what the worker has handles on, and main clears up. The device may refuse what a
 * worker sends. The kernel gives the lowest number that is free, so that numbers come again.
 *
 * A connection has a number of its own, from 1 up, which is its stamp, too: Ledger makes stamps
 * differ. Its fd is the same as long as it lives, so that the number is all that an event or a
 * message needs.
 */
#ifndef CONNECTIONS
#define CONNECTIONS 2
#endif
#ifndef PLACES
#define PLACES 2            /* MAX_PENDING */
#endif
#define FDS CONNECTIONS

/*
 * The ledger's entries, and the workers' pending lists, whose words are nothing, an fd's
 * complement, or the fd plus 1.
 */
mtype = { free, waiting, inDevice, adopting, adopted }
mtype state[FDS] = free
byte stamp[FDS]
byte owner[FDS]
mtype = { nothing, complement, plusOne }
mtype place[4] = nothing
byte placed[4]
#define placeOf(i) (me * 2 + (i))

/* The kernel's: whose the number is, 0: nobody's. */
byte last
byte open[FDS]
byte fdOf[CONNECTIONS + 1]
/* Node's: the number of the thread with a handle on it, plus 1. */
byte handle[FDS]

/*
 * By connection: events in the device, and messages to main. What a worker has received, and not
 * released.
 */
byte events[CONNECTIONS + 1]
byte returned[CONNECTIONS + 1]
byte received[2]

bool dead
bool gone
byte nodes                  /* of Node's loop that closes handles */
bool cleared

/* What only the check knows. */
bool taken[CONNECTIONS + 1]

/* ---- the kernel ---- */

/* The lowest number that is free. */
inline accept4() {
  last++;
  fd = 0;
  do
  :: open[fd] != 0 -> fd++
  :: else -> break
  od;
  open[fd] = last;
  fdOf[last] = fd
}

inline closeFd(number) {
  assert(open[fdOf[number]] == number);
  open[fdOf[number]] = 0;
  handle[fdOf[number]] = 0
}

/* ---- Ledger ---- */

/* LedgerEntries.take. Nobody who waits is forgotten. */
inline enter(number, as) {
  assert(state[fdOf[number]] != waiting && state[fdOf[number]] != inDevice);
  state[fdOf[number]] = as;
  stamp[fdOf[number]] = number
}

/* LedgerEntries.move, by the owner: in an atomic, the compare-and-swap */
inline move(number, from, to) {
  moved = (state[fdOf[number]] == from && stamp[fdOf[number]] == number);
  if
  :: moved -> state[fdOf[number]] = to
  :: else
  fi
}

/* ---- workers ---- */

/* Acceptor::AcceptInto: one call of the addon. */
inline accept() {
  atomic {
    last < CONNECTIONS;
    do
    :: last < CONNECTIONS && count < PLACES ->
      accept4();
      mine[count] = last;
#ifndef PLACES_FILLED_BY_JS
      placed[placeOf(count)] = fd;
      place[placeOf(count)] = complement;
#endif
      count++
    :: count > 0 -> break
    od;
    fd = 0
  };
#ifdef PLACES_FILLED_BY_JS
  atomic {
    do
    :: i < count -> placed[placeOf(i)] = fdOf[mine[i]]; place[placeOf(i)] = complement; i++
    :: else -> i = 0; break
    od
  }
#endif
}

inline letGo() {
  atomic {
    do
    :: i < count -> place[placeOf(i)] = nothing; placed[placeOf(i)] = 0; i++
    :: else -> i = 0; break
    od
  }
}

/* Acceptor.#acceptFrom, DeviceSink.take */
inline acceptForDevice() {
  accept();
  do
  :: i < count ->
#ifdef PLACE_BEFORE_ENTRY
    place[placeOf(i)] = plusOne;
    atomic { enter(mine[i], inDevice); i++ }
#else
    /* Ledger.enterPending */
    atomic { enter(mine[i], inDevice) };
    atomic { place[placeOf(i)] = plusOne; i++ }
#endif
  :: else -> i = 0; break
  od;
#ifdef EMPTY_BEFORE_SENT
  letGo();
#endif
  do
  :: i < count -> atomic { events[mine[i]]++; i++ }
  /* The device does not take it: DeviceSink gives it back. */
  :: i < count -> atomic { returned[mine[i]]++; i++ }
  :: else -> i = 0; break
  od;
#ifndef EMPTY_BEFORE_SENT
  letGo();
#endif
  atomic { count = 0; mine[0] = 0; mine[1] = 0 }
}

/* Adoption.open */
inline openHandle() {
  /*
   * A thread that ends in between leaves an orphan that Node closes: by the time main looks, the
   * number may be a stranger's.
   */
  atomic { assert(open[fdOf[number]] == number); handle[fdOf[number]] = me + 1 };
  /* Ledger.opened */
  atomic { move(number, adopting, adopted); assert(moved) }
}

/* The addon's accept, with a place; OwnSink.take: the connection is the worker's own. */
inline acceptForItself() {
  atomic {
    last < CONNECTIONS;
    accept4();
    number = last;
#ifndef PLACES_FILLED_BY_JS
    placed[placeOf(0)] = fd;
    place[placeOf(0)] = complement;
#endif
    fd = 0
  };
#ifdef PLACES_FILLED_BY_JS
  atomic { placed[placeOf(0)] = fdOf[number]; place[placeOf(0)] = complement };
#endif
#ifdef EMPTY_BEFORE_ENTERED
  atomic { place[placeOf(0)] = nothing; placed[placeOf(0)] = 0 };
#endif
  /* Ledger.adoptPending */
  atomic { enter(number, adopting); owner[fdOf[number]] = me; taken[number] = true };
#ifndef EMPTY_BEFORE_ENTERED
  atomic { place[placeOf(0)] = nothing; placed[placeOf(0)] = 0 };
#endif
  openHandle();
  atomic { number = 0; moved = false }
}

/* Inbox, Adoption */
inline adopt() {
  atomic {
    if
    :: events[1] > 0 -> number = 1
    :: events[2] > 0 -> number = 2
#if CONNECTIONS > 2
    :: events[3] > 0 -> number = 3
#endif
    fi;
    events[number]--;
    received[me] = number
  };
  /* Ledger.adopt */
  atomic {
#ifdef ADOPTS_ANY_STAMP
    moved = (state[fdOf[number]] == inDevice);
    if
    :: moved -> state[fdOf[number]] = adopting
    :: else
    fi;
#else
    move(number, inDevice, adopting);
#endif
    if
    :: moved ->
      owner[fdOf[number]] = me;
      assert(open[fdOf[number]] == number && !taken[number]);
      taken[number] = true
    :: else
    fi
  };
  if
  :: moved -> openHandle()
  :: else
  fi;
  atomic { received[me] = 0; number = 0; moved = false }
}

/* The connection ends. */
inline close(it) {
  atomic { state[it] == adopted && handle[it] == me + 1 -> number = stamp[it]; state[it] = free; owner[it] = 0 };
  atomic { closeFd(number); number = 0 }
}

inline live() {
  count = 0;
end:
  do
  :: acceptForDevice()
#ifdef NOP
  :: acceptForItself()
#endif
  :: adopt()
  :: close(0)
  :: close(1)
#if FDS > 2
  :: close(2)
#endif
  od
}

proctype Worker(byte me) {
  byte count, i, fd, number;
  byte mine[2];
  bool moved;
  {
    live()
  } unless {
    atomic {
      dead && me == 0;
      do
      :: nodes < FDS ->
        if
        :: handle[nodes] == 1 -> open[nodes] = 0; handle[nodes] = 0
        :: else
        fi;
        nodes++
      :: else -> break
      od;
      count = 0; i = 0; fd = 0; number = 0; moved = false; mine[0] = 0; mine[1] = 0; nodes = 0;
      gone = true
    }
  }
}

proctype Reaper() {
  if
  :: dead = true
  :: true
  fi
}

/* ---- main ---- */

/* Dealer.deal, of a connection that waits */
inline deal(number) {
  /* Ledger.toDevice */
  atomic { move(number, waiting, inDevice) };
  atomic { events[number]++; moved = false }
}

/* Ledger.recovered, fromDevice */
inline takeBack(number) {
  atomic { move(number, inDevice, waiting) };
  if
  :: moved -> deal(number)
  :: else
  fi
}

/* LedgerRecovery.takePending: the thread has ended, so that reading the places is one step. */
inline takePending() {
  atomic {
    do
    :: i < PLACES ->
      if
      :: place[i] == complement -> unknown[placed[i]] = true
      :: place[i] == plusOne -> told[placed[i]] = true
      :: else
      fi;
      place[i] = nothing;
      placed[i] = 0;
      i++
    :: else -> i = 0; break
    od
  };
  do
  :: i < FDS ->
    atomic {
#ifdef BELIEVES_THE_PLACES
      number = (told[i] || unknown[i] && state[i] == inDevice -> stamp[i] : 0);
#else
#ifdef BELIEVES_THE_COMPLEMENT
      number = (told[i] && state[i] == inDevice -> stamp[i] : 0);
#else
      number = ((told[i] || unknown[i]) && state[i] == inDevice -> stamp[i] : 0);
#endif
#endif
      told[i] = false
    };
    if
    :: number == 0
    :: else ->
      atomic {
#if defined(TAKES_BY_STORE) || defined(BELIEVES_THE_PLACES)
        state[i] = waiting;
        moved = true;
#else
        move(number, inDevice, waiting);
#endif
        if
        :: moved -> told[i] = true; unknown[i] = false
        :: else
        fi;
        moved = false
      }
    fi;
#ifndef ACCEPTS_WHAT_IS_OWNED
    /* The worker has entered it as its own: takeOwned finds it. */
    atomic {
      if
      :: unknown[i] && state[i] == adopting && owner[i] == 0 -> unknown[i] = false
      :: else
      fi
    };
#endif
    atomic { number = 0; i++ }
  :: else -> i = 0; break
  od
}

/* What is found pending is dealt. */
inline dealPending() {
  takePending();
  do
  :: i < FDS && told[i] -> atomic { told[i] = false; number = stamp[i] }; deal(number); number = 0
  :: i < FDS && !told[i] && unknown[i] ->
    /* Dealer.accept */
    atomic { unknown[i] = false; number = open[i]; assert(number > 0); enter(number, waiting) };
    deal(number);
    number = 0
  :: i < FDS && !told[i] && !unknown[i] -> i++
  :: i == FDS -> i = 0; break
  od
}

/* LedgerRecovery.isOrphan */
#define holdsIt(p) (place[p] == complement && placed[p] == i)
#define isAnyPending (holdsIt(0) || holdsIt(1) || holdsIt(2) || holdsIt(3))

#ifdef RESETS_WHAT_IS_PENDING
#define isPending false
#else
#define isPending isAnyPending
#endif
#ifdef RESETS_WHAT_WAS_ENTERED
#define asLeft true
#else
#define asLeft (state[i] == free && stamp[i] == number)
#endif

/*
 * LedgerRecovery.takeOwnedBy, and what happens to an orphan: the check and the reset are one step
 * (see docs/device-protocol.md).
 */
inline takeOwned() {
  do
  :: i < FDS ->
    atomic {
      if
      :: state[i] == adopting && owner[i] == 0 -> number = stamp[i]; state[i] = free
      :: state[i] == adopted && owner[i] == 0 -> state[i] = free
      :: else
      fi
    };
    atomic {
      if
      /* ListenerTable.listenerOf, resetFd */
      :: number != 0 && asLeft && !isPending && open[i] != 0 -> closeFd(number)
      :: else
      fi;
      number = 0;
      i++
    }
  :: else -> i = 0; break
  od
}

/* After a death, in the order of the code */
inline clearUp() {
  atomic { number = received[0]; received[0] = 0 };
  if
  :: number > 0 -> takeBack(number); number = 0
  :: else
  fi;
#ifndef NOBODY_DEALS_PENDING
  dealPending();
#endif
  takeOwned();
  cleared = true
}

proctype Main() {
  byte i, fd, number;
  bool moved;
  bool unknown[FDS];
  bool told[FDS];
  i = 0;
end:
  do
  :: atomic { last < CONNECTIONS -> accept4(); fd = 0; number = last };
    atomic { enter(number, waiting) };
    deal(number);
    number = 0
  :: atomic { returned[1] > 0 -> returned[1]--; number = 1 }; takeBack(number); number = 0
  :: atomic { returned[2] > 0 -> returned[2]--; number = 2 }; takeBack(number); number = 0
#if CONNECTIONS > 2
  :: atomic { returned[3] > 0 -> returned[3]--; number = 3 }; takeBack(number); number = 0
#endif
  :: gone && !cleared -> clearUp()
  od
}

/*
 * Nothing happens any more: then each connection was adopted, and has ended; no number is left that
 * nobody knows of.
 */
proctype Check() {
  byte i;
  timeout;
  assert(last == CONNECTIONS);
  do
  :: i < FDS ->
    assert(taken[i + 1]);
    assert(open[i] == 0 && state[i] == free);
    i++
  :: else -> break
  od
}

init {
  atomic {
    run Worker(0);
    run Worker(1);
    run Reaper();
    run Main();
    run Check()
  }
}
