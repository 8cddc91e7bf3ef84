/*
 * Rest: main (lib/balancer/dispatch/accept-switch.ts) against the workers
 * (lib/worker/connections/acceptor.ts), through the ledger's words.
 *
 * Clients come one after the other, at any time; main accepts them in batches, or a worker does.
 * The device deals what it is sent to any worker that is not held and whose thread main does not
 * know to be dead: it need not be an idle one. Waking a thread that has something to receive is
 * wake.pml's; what is accepted and not sent, pending.pml's. The kernel tells one of the workers
 * that watch of a client, whichever: it may have no ears for it any more. Main holds worker 0 and
 * lets it go, HOLDS times in all; DEATHS workers may die, and BLOCKS workers block for good,
 * between any two steps; with EMFILE a worker's accept may fail at any time. Main's timer runs
 * unless NO_TIMER: when is left open, so that it may always be too early.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef CLIENTS
#define CLIENTS 3
#endif
#ifndef BATCH
#define BATCH 2             /* what main accepts at most at a time */
#endif
#ifndef HAND
#define HAND 2              /* HAND_ROOM */
#endif
#ifndef INBOX
#define INBOX 2             /* INBOX_BATCH */
#endif
#ifndef HOLDS
#define HOLDS 0
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef BLOCKS
#define BLOCKS 0
#endif

/* The ledger's words. */
#define accepting 0
#define waker 1
#define marked 2            /* minus the waker */
byte word                   /* RESTING */
bool turned                 /* TURNS is not what main has seen last */
bool held                   /* worker 0 */

/* The kernel's. */
byte backlog
byte inbox[WORKERS]         /* what the device has dealt to a worker */
byte hand[WORKERS]
bool watching[WORKERS]
bool told[WORKERS]          /* in its loop's list of what is ready */
bool woken                  /* uv_async_send has been called, and main's loop has not come to it */

bool asked[WORKERS]         /* main's message that it rests is under way to it */

bool dead[WORKERS]
bool blocked[WORKERS]
bool gone[WORKERS]
bool known[WORKERS]         /* main knows that the thread has ended */

bool resting                /* Rest */
bool soon                   /* Rest.#due */
bool waited                 /* TableEntry */

/* ---- the device ---- */

inline send() {
  if
  :: !known[0] && !held -> inbox[0]++
  :: !known[1] -> inbox[1]++
#if WORKERS > 2
  :: !known[2] -> inbox[2]++
#endif
  fi
}

/* ---- workers ---- */

/* Shift.isHeld */
#if HOLDS > 0
#define isHeld (me == 0 && held)
#else
#define isHeld false
#endif

/* Only the timer reads it. */
inline turn() {
#ifndef NO_TIMER
  turned = true
#else
  skip
#endif
}

inline unwatch() {
  watching[me] = false;
  told[me] = false
}

/* The thread of a worker. Its loop calls what is due in any order. */
inline live() {
  due = false;
end:
  do
  /* Inbox.#take */
  :: atomic {
      inbox[me] > 0;
      if
      :: inbox[me] >= INBOX -> inbox[me] = inbox[me] - INBOX
      :: else -> inbox[me] = 0
      fi
    }
  /* Its line to main. */
  :: atomic { asked[me] -> asked[me] = false };
    goto begin
  /* Relief.#onReadable; the kernel looks whether there is something still. */
  :: atomic { told[me] && backlog == 0 -> told[me] = false }
#ifdef EDGE_TRIGGERED
  :: atomic { told[me] && backlog > 0 -> told[me] = false };
#else
  :: atomic { told[me] && backlog > 0 };
#endif
    goto readable
  od;

/* Relief.begin; the kernel tells whoever begins to watch, or does so anew, of what waits. */
begin:
  atomic { due = (word != accepting) };
  atomic {
    if
    :: due && !isHeld -> watching[me] = true; told[me] = (backlog > 0)
    :: else
    fi;
    due = false;
    goto end
  };

readable:
  atomic { due = (word != accepting) };
  atomic {
    if
    :: !due -> unwatch(); goto end
#ifdef STOPS_WATCHING_TOO_EARLY
    :: due && !isHeld -> due = false; unwatch(); goto end
#else
    :: due && !isHeld -> due = false
#endif
    :: due && isHeld -> due = false; goto callAcceptor
    fi
  };
  /* Relief.#acceptFrom, #deal: what is in the hand when the thread ends is dealt by main. */
  atomic {
    if
    :: backlog > HAND -> hand[me] = HAND; backlog = backlog - HAND; turn()
    :: backlog > 0 && backlog <= HAND -> hand[me] = backlog; backlog = 0; turn()
#ifdef EMFILE
    :: backlog > 0 -> goto callAcceptor
#endif
    :: backlog == 0 -> goto end
    fi
  };
  do
  :: atomic {
      send();
      hand[me]--;
      if
      :: hand[me] == 0 -> goto end
      :: else
      fi
    }
  od;

callAcceptor:
  atomic { unwatch() };
  /*
   * Shift.endRest: it compares and swaps, so that its first look at the word is no step of its own.
   */
#ifdef WAKES_BEFORE_IT_MARKS
  atomic { due = (word == waker); woken = woken || due };
  atomic {
    if
    :: word == waker -> word = marked
    :: else
    fi;
#else
  atomic {
    due = (word == waker);
    if
    :: due -> word = marked
    :: else
    fi
  };
  atomic {
    woken = woken || due;
#endif
    due = false;
    goto end
  }
}

proctype Worker(byte me) {
  bool due;
#if DEATHS + BLOCKS > 0
  {
    live()
  } unless {
    atomic { (dead[me] || blocked[me]) -> due = false; gone[me] = dead[me] }
  }
#else
  live()
#endif
}

proctype Fate() {
  byte left;
  left = DEATHS;
end:
  do
  :: left > 0 -> atomic { left--; dead[0] = !blocked[0] }
  :: left > 0 -> atomic { left--; dead[1] = !blocked[1] }
  :: break
  od;
  left = BLOCKS;
  do
  :: left > 0 -> atomic { left--; blocked[0] = !dead[0] }
  :: left > 0 -> atomic { left--; blocked[1] = !dead[1] }
  :: break
  od;
  left = 0
}

/* ---- main ---- */

#if WORKERS > 2
#define isAnyWaiting (inbox[0] + inbox[1] + inbox[2] + hand[0] + hand[1] + hand[2] > 0)
#else
#define isAnyWaiting (inbox[0] + inbox[1] + hand[0] + hand[1] > 0)
#endif

inline deal() {
  do
  :: atomic { left > 0 -> send(); left-- }
  :: left == 0 -> break
  od
}

/* Balancer.#onRest */
inline ask() {
  asked[0] = !held;
  asked[1] = true
#if WORKERS > 2
  ;
  asked[2] = true
#endif
}

inline serve() {
  left = count;
  deal();
  atomic {
    count = 0;
    /* Rest.dealt: how quickly connections come is left open. */
    if
    :: true
    :: soon = true
    fi
  }
}

/* Rest.#begin */
inline begin() {
#ifdef ASKS_FIRST
  atomic { ask() };
#endif
  word = waker;
  atomic {
    resting = true;
    turned = false;
    waited = backlog > 0
#ifndef ASKS_FIRST
    ;
    ask()
#endif
  }
}

/* Rest.end */
inline finish() {
  soon = false;
  if
  :: resting -> resting = false; word = accepting
  :: else
  fi
}

/* Rest.#look. When nothing has come for a while is left open. */
inline check() {
  atomic {
    if
    :: turned || !(backlog > 0 && waited) && !isAnyWaiting ->
      turned = false;
      waited = backlog > 0;
#ifdef CHECKS_ONCE
      armed = false
#endif
    :: !turned -> finish()
    fi
  }
}

/* Balancer.#clearUpAfter: Fabric.recover, #emptyHandOf. */
inline clearUp(dying) {
  atomic {
    known[dying] = true;
    left = inbox[dying] + hand[dying];
    inbox[dying] = 0;
    hand[dying] = 0
  };
  deal()
}

/* Its loop calls what is due in any order. */
proctype Main() {
  byte count, left;
#if HOLDS > 0
  byte holds;
#endif
#ifdef CHECKS_ONCE
  bool armed = true;
#endif
  left = 0;
end:
  do
  /* The poll handle of the listening socket, which is stopped while it rests. */
  :: atomic {
      backlog > 0 && !resting ->
      if
      :: backlog >= BATCH -> count = BATCH
      :: count = 1
      fi;
      backlog = backlog - count
    };
    serve()
  :: atomic { soon -> soon = false };
    begin()
  /* The waker. */
  :: atomic { woken -> woken = false; finish() }
#if HOLDS > 0
  /* Eligibility's onChange */
  :: atomic { holds < HOLDS -> holds++; held = !held; asked[0] = asked[0] || resting && !held }
#endif
#if DEATHS > 0
  :: gone[0] && !known[0] -> clearUp(0)
  :: gone[1] && !known[1] -> clearUp(1)
#endif
#ifndef NO_TIMER
#ifdef CHECKS_ONCE
  :: resting && armed -> check()
#else
  :: resting -> check()
#endif
#endif
  od
}

proctype Clients() {
  byte left = CLIENTS;
  do
  :: left > 0 ->
    atomic {
      backlog++;
      left--;
      if
      :: watching[0] -> told[0] = true
      :: watching[1] -> told[1] = true
#if WORKERS > 2
      :: watching[2] -> told[2] = true
#endif
      :: else
      fi
    }
  :: else -> break
  od
}

#define isThere(w) (!known[w] && !dead[w] && !blocked[w] && !(held && w == 0))

/*
 * Nothing happens any more: then nothing waits, and whoever comes next is accepted, by main or by a
 * worker that watches.
 */
#define watches(w) (watching[w] && isThere(w))
proctype Check() {
  byte w;
  timeout;
  assert(backlog == 0);
#ifdef NO_TIMER
  assert(!resting || watches(0) || watches(1)
#if WORKERS > 2
    || watches(2)
#endif
  );
#else
  assert(!resting && word == accepting);
#endif
  do
  :: w < WORKERS ->
    assert(hand[w] == 0 || blocked[w]);
    assert(inbox[w] == 0 || blocked[w]);
    w++
  :: else -> break
  od
}

init {
  byte w;
  atomic {
    do
    :: w < WORKERS -> run Worker(w); w++
    :: else -> break
    od;
    w = 0;
#if DEATHS + BLOCKS > 0
    run Fate();
#endif
    run Main();
    run Clients();
    run Check()
  }
}
