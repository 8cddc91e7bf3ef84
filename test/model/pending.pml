/*
 * What a worker has in hand: Relief.#deal (lib/worker/connections/acceptor.ts) and Adoption against
 * Balancer.#clearUpAfter, through the ledger's entries and hands (lib/ledger/ledger.ts).
 *
 * Two workers accept, send, adopt and close, and main accepts, too. Worker 0 may die between any
 * two steps: its JS ends there, what the addon does in one call is done or not. Then Node closes
 * what it has handles on, and main clears up. The device may refuse what a worker sends. The kernel
 * gives the lowest number that is free, so numbers come again.
 *
 * A connection has a number of its own, 1 and up, which is its stamp, too: that stamps differ is
 * Ledger.#take's. Its fd is the same as long as it lives, so that the number is all that an event
 * or a message needs.
 */
#ifndef CONNECTIONS
#define CONNECTIONS 2
#endif
#ifndef HAND
#define HAND 2              /* HAND_ROOM */
#endif
#define FDS CONNECTIONS

/*
 * The ledger: the entries; and a worker's places, which hold nothing, an fd's complement, or the fd
 * plus 1.
 */
mtype = { free, held, inDevice, adopting, adopted }
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

/* #take. Nobody who waits is forgotten. */
inline enter(number, as) {
  assert(state[fdOf[number]] != held && state[fdOf[number]] != inDevice);
  state[fdOf[number]] = as;
  stamp[fdOf[number]] = number
}

/* #move, by its owner: in an atomic, the compare-and-swap */
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
    :: last < CONNECTIONS && count < HAND ->
      accept4();
      mine[count] = last;
#ifndef HAND_FILLED_BY_JS
      placed[placeOf(count)] = fd;
      place[placeOf(count)] = complement;
#endif
      count++
    :: count > 0 -> break
    od;
    fd = 0
  };
#ifdef HAND_FILLED_BY_JS
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

/* Relief.#deal */
inline look() {
  accept();
  do
  :: i < count ->
#ifdef PLACE_BEFORE_ENTRY
    place[placeOf(i)] = plusOne;
    atomic { enter(mine[i], inDevice); i++ }
#else
    /* Ledger.acceptInto */
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
  /* The device does not take it: Relief's giveBack. */
  :: i < count -> atomic { returned[mine[i]]++; i++ }
  :: else -> i = 0; break
  od;
#ifndef EMPTY_BEFORE_SENT
  letGo();
#endif
  atomic { count = 0; mine[0] = 0; mine[1] = 0 }
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
  :: moved ->
    /*
     * A thread that ends in between leaves an orphan that Node closes: by the time main looks, the
     * number may be a stranger's.
     */
    atomic { assert(open[fdOf[number]] == number); handle[fdOf[number]] = me + 1 };
    /* Ledger.opened */
    atomic { move(number, adopting, adopted); assert(moved) }
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
  :: look()
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

/* Dealer.deal: one that it holds. */
inline deal(number) {
  /* Ledger.toDevice */
  atomic { move(number, held, inDevice) };
  atomic { events[number]++; moved = false }
}

/* Ledger.recovered, fromDevice */
inline takeBack(number) {
  atomic { move(number, inDevice, held) };
  if
  :: moved -> deal(number)
  :: else
  fi
}

/* Ledger.takeHand: the thread has ended, so that reading the places is one step. */
inline takeHand() {
  atomic {
    do
    :: i < HAND ->
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
#ifdef BELIEVES_THE_HAND
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
#if defined(TAKES_BY_STORE) || defined(BELIEVES_THE_HAND)
        state[i] = held;
        moved = true;
#else
        move(number, inDevice, held);
#endif
        if
        :: moved -> told[i] = true; unknown[i] = false
        :: else
        fi;
        moved = false
      }
    fi;
    atomic { number = 0; i++ }
  :: else -> i = 0; break
  od
}

/* Balancer.#emptyHandOf */
inline emptyHand() {
  takeHand();
  do
  :: i < FDS && told[i] -> atomic { told[i] = false; number = stamp[i] }; deal(number); number = 0
  :: i < FDS && !told[i] && unknown[i] ->
    /* Dealer.accept */
    atomic { unknown[i] = false; number = open[i]; assert(number > 0); enter(number, held) };
    deal(number);
    number = 0
  :: i < FDS && !told[i] && !unknown[i] -> i++
  :: i == FDS -> i = 0; break
  od
}

/* Ledger.isOrphan */
#define holdsIt(p) (place[p] == complement && placed[p] == i)
#define isInHand (holdsIt(0) || holdsIt(1) || holdsIt(2) || holdsIt(3))

#ifdef RESETS_WHAT_IS_IN_HAND
#define inHand false
#else
#define inHand isInHand
#endif
#ifdef RESETS_WHAT_WAS_ENTERED
#define asLeft true
#else
#define asLeft (state[i] == free && stamp[i] == number)
#endif

/*
 * Ledger.takeOwnedBy, and what becomes of an orphan: the look and the reset are one step (see
 * docs/device-protocol.md).
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
      :: number != 0 && asLeft && !inHand && open[i] != 0 -> closeFd(number)
      :: else
      fi;
      number = 0;
      i++
    }
  :: else -> i = 0; break
  od
}

/* Balancer.#clearUpAfter */
inline clearUp() {
  atomic { number = received[0]; received[0] = 0 };
  if
  :: number > 0 -> takeBack(number); number = 0
  :: else
  fi;
#ifndef NOBODY_EMPTIES_THE_HAND
  emptyHand();
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
    atomic { enter(number, held) };
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
