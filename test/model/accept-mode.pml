/*
 * The accept mode: main (AcceptSwitch, lib/balancer/dispatch/accept-switch.ts) against the workers
 * (Acceptor, lib/worker/connections/acceptor.ts), through the words of lib/ledger/accept-mode.ts.
 *
 * Clients come one after the other, at any time. Main accepts them in batches, or a worker does.
 * The device deals what it is sent to any worker that is not held and whose thread main does not
 * know to be dead; that worker need not be idle. wake.pml covers how a thread is woken that has
 * something to receive, and pending.pml covers what is accepted and not sent. The kernel tells any
 * one of the workers that watch of a client, and that worker may not be able to react any more.
 * Main holds worker 0 and lets it go, HOLDS times in all. DEATHS workers may die, and BLOCKS
 * workers may block for good, between any two steps. With EMFILE a worker's accept may fail at any
 * time. With PAUSES the dealer is blocked, and goes on, that many times: the mode is paused in
 * between. Main's timer runs unless NO_TIMER is set. When it fires is left open, so that it may
 * always be too early.
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
#ifndef PLACES
#define PLACES 2            /* MAX_PENDING */
#endif
#ifndef INBOX
#define INBOX 2             /* INBOX_BATCH */
#endif
#ifndef HOLDS
#define HOLDS 0
#endif
#ifndef PAUSES
#define PAUSES 0
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef BLOCKS
#define BLOCKS 0
#endif

/* AcceptMode's words. */
#define inMain 0
#define inWorkers 1
#define mainCalled 2        /* workers accept, and one of them has called main */
#define paused 3
byte mode
bool counted                /* a worker has accepted since main read the counter */
bool held                   /* worker 0 is */

/* The kernel's. */
byte backlog
byte inbox[WORKERS]         /* what the device has dealt to a worker */
byte pending[WORKERS]
bool watching[WORKERS]
bool told[WORKERS]          /* in its loop's list of what is ready */
bool woken                  /* uv_async_send has been called, and main's loop has not come to it */

bool invited[WORKERS]       /* main's message that workers accept is under way to it */

bool dead[WORKERS]
bool blocked[WORKERS]
bool gone[WORKERS]
bool known[WORKERS]         /* main knows that the thread has ended */

bool soon                   /* AcceptSwitch.#due */
bool waited                 /* Listener */

/* AcceptMode.workersAccept */
#define workersAccept (mode == inWorkers || mode == mainCalled)

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

/* AcceptMode.isHeld */
#if HOLDS > 0
#define isHeld (me == 0 && held)
#else
#define isHeld false
#endif

/* AcceptMode.countAccept. Only the timer reads the counter. */
inline countAccept() {
#ifndef NO_TIMER
  counted = true
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
  /* Main's message. */
  :: atomic { invited[me] -> invited[me] = false };
    goto begin
  /* Acceptor.#onReadable. Before the callback, the kernel checks that a client still waits. */
  :: atomic { told[me] && backlog == 0 -> told[me] = false }
#ifdef EDGE_TRIGGERED
  :: atomic { told[me] && backlog > 0 -> told[me] = false };
#else
  :: atomic { told[me] && backlog > 0 };
#endif
    goto readable
  od;

/*
 * Acceptor.workersAccept. The kernel tells whoever begins to watch, or begins again, of what waits.
 */
begin:
  atomic { due = workersAccept };
  atomic {
    if
    :: due && !isHeld -> watching[me] = true; told[me] = (backlog > 0)
    :: else
    fi;
    due = false;
    goto end
  };

readable:
  atomic { due = workersAccept };
  atomic {
    if
    :: !due -> unwatch(); goto end
#ifdef STOPS_WATCHING_TOO_EARLY
    :: due && !isHeld -> due = false; unwatch(); goto end
#else
    :: due && !isHeld -> due = false
#endif
    :: due && isHeld -> due = false; goto callMain
    fi
  };
  /* Acceptor.#acceptFrom. Main deals what is pending when the thread ends. */
  atomic {
    if
    :: backlog > PLACES -> pending[me] = PLACES; backlog = backlog - PLACES; countAccept()
    :: backlog > 0 && backlog <= PLACES -> pending[me] = backlog; backlog = 0; countAccept()
#ifdef EMFILE
    :: backlog > 0 -> goto callMain
#endif
    :: backlog == 0 -> goto end
    fi
  };
  do
  :: atomic {
      send();
      pending[me]--;
      if
      :: pending[me] == 0 -> goto end
      :: else
      fi
    }
  od;

callMain:
  atomic { unwatch() };
  /* AcceptMode.callMain: one compare-and-swap. */
#ifdef WAKES_BEFORE_IT_MARKS
  atomic { due = (mode == inWorkers); woken = woken || due };
  atomic {
    if
    :: mode == inWorkers -> mode = mainCalled
    :: else
    fi;
#else
  atomic {
    due = (mode == inWorkers);
    if
    :: due -> mode = mainCalled
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
#define isAnyWaiting (inbox[0] + inbox[1] + inbox[2] + pending[0] + pending[1] + pending[2] > 0)
#else
#define isAnyWaiting (inbox[0] + inbox[1] + pending[0] + pending[1] > 0)
#endif

inline deal() {
  do
  :: atomic { left > 0 -> send(); left-- }
  :: left == 0 -> break
  od
}

/* AcceptSwitch.#tell, of each eligible worker */
inline invite() {
  invited[0] = !held;
  invited[1] = true
#if WORKERS > 2
  ;
  invited[2] = true
#endif
}

inline serve() {
  left = count;
  deal();
  atomic {
    count = 0;
    /* AcceptSwitch.accepted. How quickly connections come is left open. */
    if
    :: true
    :: mode == inMain -> soon = true
    fi
  }
}

/* AcceptSwitch.#letWorkersAccept */
inline begin() {
#ifdef INVITES_FIRST
  atomic { invite() };
#endif
  mode = inWorkers;
  atomic {
    counted = false;
    waited = backlog > 0
#ifndef INVITES_FIRST
    ;
    invite()
#endif
  }
}

/* AcceptSwitch.end */
inline finish() {
  soon = false;
  if
  :: workersAccept -> mode = inMain
  :: else
  fi
}

/* AcceptSwitch.#check. When nothing has come for a while is left open. */
inline check() {
  atomic {
    if
    :: counted || !(backlog > 0 && waited) && !isAnyWaiting ->
      counted = false;
      waited = backlog > 0;
#ifdef CHECKS_ONCE
      armed = false
#endif
    :: !counted -> finish()
    fi
  }
}

/* After a death: what was at its port, and what it had pending. */
inline clearUp(dying) {
  atomic {
    known[dying] = true;
    left = inbox[dying] + pending[dying];
    inbox[dying] = 0;
    pending[dying] = 0
  };
  deal()
}

/* Its loop calls what is due in any order. */
proctype Main() {
  byte count, left;
#if HOLDS > 0
  byte holds;
#endif
#if PAUSES > 0
  byte pauses;
#endif
#ifdef CHECKS_ONCE
  bool armed = true;
#endif
  left = 0;
end:
  do
  /* The poll handle of the listening socket, which is stopped unless main accepts. */
  :: atomic {
      backlog > 0 && mode == inMain ->
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
  /* Eligibility.hold and letGo, AcceptSwitch.eligibilityChanged */
  :: atomic { holds < HOLDS -> holds++; held = !held; invited[0] = invited[0] || workersAccept && !held }
#endif
#if PAUSES > 0
  /* AcceptSwitch.setBlocked */
  :: atomic { pauses < PAUSES && mode != paused -> pauses++; soon = false; mode = paused }
  :: atomic { mode == paused -> mode = inMain }
#endif
#if DEATHS > 0
  :: gone[0] && !known[0] -> clearUp(0)
  :: gone[1] && !known[1] -> clearUp(1)
#endif
#ifndef NO_TIMER
#ifdef CHECKS_ONCE
  :: workersAccept && armed -> check()
#else
  :: workersAccept -> check()
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
  assert(mode == inMain || watches(0) || watches(1)
#if WORKERS > 2
    || watches(2)
#endif
  );
#else
  assert(mode == inMain);
#endif
  do
  :: w < WORKERS ->
    assert(pending[w] == 0 || blocked[w]);
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
