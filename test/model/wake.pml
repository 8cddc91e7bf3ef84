/*
 * Sleep and wake: Readable (lib/device/software/readable.ts) against Scheduler.#publishPort, #wake
 * and #mend.
 *
 * One port. Holders, one after the other, put events into its CQ and publish its tail; each may die
 * between any two steps (see lock.pml), the last one may not. The port's thread runs a loop with
 * tasks; its app sets, replaces and removes the callback and receives whenever it likes, in the
 * callback and outside. With CLOSE, the domain's creator closes it at some point. Threads sleep in
 * waitAsync; with WAKER, by the addon's wakers.
 */
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef SETS
#define SETS 2
#endif
#define HOLDERS 3

/* Public words. */
byte tail
byte head
bit sleep
/* The holder's. */
byte ownTail
bool publishing              /* Phase.publishing; a pass before that changes ownTail alone, and is undone in one step */
bit lock

bool dead[HOLDERS]
bool gone[HOLDERS]           /* has ended, one way or the other */

/* waitAsync's list, and the tasks of the port's thread. */
bool waiting
bool immediate               /* #turn will be called: an immediate, or the wait's promise */
/* Readable */
bool callback
bool pending

bool closed                  /* the owner word is not the thread's any more */

#ifdef WAKER
/* The number in the port's words, and that of the waker which is open; 0: none. */
byte waker
byte open
byte last
bool woken                   /* uv_async_send has been called, and the loop has not come to it */
bool asleep                  /* Readable */

/* wakeSleeper, behind the sleep word. The number is looked up under a lock. */
inline notify() {
  number = waker;
  atomic {
    if
    :: number != 0 && number == open -> woken = true
    :: else
    fi
  }
}
#else
inline notify() {
  atomic {
    if
    :: waiting -> waiting = false; immediate = true
    :: else
    fi
  }
}
#endif

/* ---- the scheduler ---- */

/* Scheduler.#wake */
inline wake() {
#ifndef WAKE_WITHOUT_CLEARING
  sleep = 0;
#endif
  notify()
}

/* Scheduler.#publishPort */
inline publishPort() {
  if
  :: tail == ownTail
  :: else ->
#ifdef SLEEP_READ_BEFORE_TAIL_IS_SET
    slept = sleep;
    tail = ownTail;
    if
    :: slept -> wake()
    :: else
    fi
#else
    tail = ownTail;
    if
    :: sleep != 0 -> wake()
    :: else
    fi
#endif
  fi
}

/* Scheduler.#mend */
inline mend() {
  if
  :: publishing
  :: !publishing -> ownTail = tail
  fi;
  publishPort();
#ifdef MEND_WAKES_IF_NOT_EMPTY
  if
  :: tail != head -> wake()
  :: else
  fi;
#else
#ifndef MEND_DOES_NOT_WAKE
  wake();
#endif
#endif
  publishing = false
}

proctype Holder(byte me) {
  bool slept;
  byte number;
  /* One after the other: that the lock sees to it is lock.pml's. */
  if
  :: me == 0
  :: me > 0 && gone[me - 1]
  fi;
  {
    if
    :: lock != 0 -> mend(); lock = 0
    :: else
    fi;
    do
    :: ownTail == EVENTS -> break
    :: ownTail < EVENTS && me < HOLDERS - 1 -> break
    :: ownTail < EVENTS ->
      lock = 1;
      ownTail++;
      publishing = true;
      publishPort();
      publishing = false;
      lock = 0
    od;
    gone[me] = true
  } unless { dead[me] -> gone[me] = true }
}

proctype Reaper() {
  do
  :: dead[0] = true
  :: dead[1] = true
  :: break
  od
}

/* ---- the port's thread ---- */

/* SoftwarePort.#isReadable */
inline look() {
  if
  :: !closed -> readable = (tail != head)
  :: else -> unset(); readable = false
  fi
}

/* Readable.#arm */
inline arm() {
  pending = true;
#ifdef WAKER
#ifndef WAKER_SET_LAST
  openWaker();
#endif
#endif
#ifdef LOOK_BEFORE_SLEEP
  look();
  if
  :: readable -> immediate = true
  :: else -> sleep = 1; wait()
  fi
#else
  sleep = 1;
#ifndef NO_SECOND_LOOK
  look();
#endif
  if
  :: readable -> sleep = 0; immediate = true
  :: else -> wait()
  fi;
  readable = false
#endif
}

#ifdef WAKER
inline openWaker() {
  if
  :: open == 0 -> atomic { last++; open = last }; waker = last
  :: else
  fi
}

inline wait() {
#ifdef WAKER_SET_LAST
  openWaker();
#endif
  assert(!asleep && !immediate);
  if
  :: callback -> asleep = true
  :: else -> pending = false
  fi
}
#else
/* Readable.#waitAsync */
inline wait() {
  atomic {
    assert(!waiting && !immediate);
    if
    :: sleep == 1 -> waiting = true
    :: else -> immediate = true
    fi
  }
}
#endif

/* Readable.set(callback) */
inline set() {
  callback = true;
  if
#ifdef ARMS_TWICE
  :: true -> arm()
#else
  :: !pending -> arm()
  :: else
#endif
  fi
}

/* Readable.set(null), #endWait */
inline unset() {
  callback = false;
  sleep = 0;
#ifdef WAKER
  waker = 0;
  /* uv_close: what was sent is not called any more. */
  atomic { open = 0; woken = false };
  if
  :: asleep -> pending = false
  :: else
  fi;
  asleep = false
#else
  notify()
#endif
}

/* SoftwarePort.receive of one event */
inline receive() {
  if
  :: tail != head -> head++
  :: else
  fi
}

/* Whatever the app does, in the callback or outside. */
inline app() {
  do
  :: receive()
  :: sets > 0 && !closed -> sets--; set()
  :: sets > 0 && !closed -> sets--; unset()
  :: break
  od
}

/* Readable.#turn */
inline turn() {
  pending = false;
  if
  :: callback ->
    look();
    if
    :: readable -> readable = false; app()
    :: else
    fi;
    if
    :: callback && !pending -> arm()
    :: else
    fi
  :: else
  fi
}

proctype Sleeper() {
  byte sets = SETS;
  bool readable;
  set();
end:
  do
  :: immediate -> immediate = false; turn()
#ifdef WAKER
  /* Readable.#woken */
  :: woken -> woken = false;
#ifdef WOKEN_ANYWAY
    asleep = false; turn()
#else
    if
    :: asleep -> asleep = false; turn()
    :: else
    fi
#endif
#endif
  :: sets > 0 && !closed -> app()
  od
}

/* SoftwareDomain.#end */
proctype Closer() {
  byte number;
#ifndef CLOSE_WAKES_FIRST
  closed = true;
#endif
  sleep = 0;
  notify();
  closed = true
}

/*
 * Nothing happens any more: then no callback waits for what is there, or for a domain that was
 * closed.
 */
proctype Check() {
  timeout;
  assert(gone[HOLDERS - 1] && tail == EVENTS);
  assert(!callback || (tail == head && !closed));
#ifdef WAKER
  assert(!closed || open == 0)
#else
  assert(!closed || !waiting)
#endif
}

init {
  atomic {
    run Holder(0);
    run Holder(1);
    run Holder(2);
    run Reaper();
    run Sleeper();
#ifdef CLOSE
    run Closer();
#endif
    run Check()
  }
}
