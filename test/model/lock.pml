/*
 * The scheduler's lock, dirty bits, retry timer and takeover (lib/device/software/scheduler.ts).
 *
 * Each thread has one port. It posts records and kicks; whoever holds the lock takes them in. A
 * pass has journal space for one record of a port, so that it often says that another pass is
 * needed. Threads die between any two of their steps: Reaper sets dead[t], and the `unless` ends t
 * there. The supervisor lives, and calls recover() for each dead thread.
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef POSTS
#define POSTS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef MORTALS
#define MORTALS THREADS  /* the threads below this number can die */
#endif
#ifndef MAX_PASSES
#define MAX_PASSES 2
#endif
#define supervisor THREADS

/* Public words. */
byte lock                /* thread + 1 of the holder, 0 if none */
byte dirty               /* a bit per port */
byte tx[THREADS]         /* records posted */
/* Private words, the holder's. `saved` stands for the journal (journal.pml). */
byte taken[THREADS]
byte saved[THREADS]
bool working             /* Phase.working */

bool dead[THREADS]
bool timer[THREADS + 1]  /* #retryTimer is armed */

/* What only the check knows: who is between lock and unlock, and whose lock was taken over. */
byte inside
bool robbed[THREADS]
bool finished

#define bit(t) (1 << (t))

/*
 * Threads.enter gives each thread a number of its own; the mutant gives the last one that of thread
 * 0, once that is dead.
 */
#ifdef REUSED_NUMBERS
bool entered
#define number (me == THREADS - 1 -> 1 : me + 1)
#define ended(n) (n == 1 -> dead[0] && !entered : dead[n - 1])
#else
#define number (me + 1)
#ifdef NO_ALIVE_CHECK
#define ended(n) true
#else
#define ended(n) dead[n - 1]
#endif
#endif

/* Journal.begin: from here on the pass can be undone. */
inline begin() {
  d_step {
    assert(!working);
    do
    :: k < THREADS -> saved[k] = taken[k]; k++
    :: else -> k = 0; break
    od;
    working = true
  }
}

/* Journal.rollBack */
inline rollBack() {
  d_step {
    do
    :: k < THREADS -> taken[k] = saved[k]; k++
    :: else -> k = 0; break
    od;
    working = false
  }
}

/* Scheduler.mark: Atomics.load, Atomics.or */
inline mark(t) {
  if
  :: (dirty & bit(t)) == 0 -> dirty = dirty | bit(t)
  :: else
  fi
}

/* The caller has just got the lock. */
inline enter() {
  assert(inside == 0 || dead[inside - 1]);
  inside = me + 1;
  locked = true
}

inline unlock() {
  atomic { lock = 0; inside = 0 }
}

/* Scheduler.#mend */
inline mend() {
  if
  :: working -> rollBack()
  :: else
  fi;
  do
  :: k < THREADS ->
#ifndef NO_MARK_IN_MEND
    mark(k);
#endif
    k++
  :: else -> k = 0; break
  od
}

/* Scheduler.#tryLock */
inline tryLock() {
  atomic {
    if
    :: lock == 0 -> lock = number; enter()
    :: lock == number -> enter(); mine = true
    :: else -> locked = false
    fi
  }
  if
  :: mine -> mend(); mine = false     /* only exceptions come here, and they are not in the model */
  :: else
  fi
}

/* Scheduler.#takeOver, with the load of the holder that its callers do. */
inline takeOver() {
  holder = lock;
  if
  :: holder != 0 && ended(holder) ->
    atomic {
#ifdef TAKE_OVER_BY_STORE
      if
      :: true ->
#else
      if
      :: lock != holder -> locked = false
      :: else ->
#endif
        assert(inside != 0 && dead[inside - 1] && !robbed[inside - 1]);
        robbed[inside - 1] = true;
        lock = number;
        enter()
      fi
    }
    if
    :: locked -> mend(); unlock()
    :: else
    fi
  :: else
  fi;
  holder = 0
}

/* Scheduler.#pass: begin, take in, publish. */
inline pass() {
  begin();
  atomic { more = false; bits = dirty; dirty = 0 }  /* Atomics.exchange */
  do
  :: p == THREADS -> p = 0; break
  :: p < THREADS && (bits & bit(p)) == 0 -> p++
  :: p < THREADS && (bits & bit(p)) != 0 ->
    /* #takeIn: one look at the tx word; what follows is private. */
    atomic {
      if
      :: tx[p] > taken[p] + 1 -> taken[p] = taken[p] + 1; again = true
      :: else -> taken[p] = tx[p]; again = false
      fi
    }
    if
    :: again -> mark(p); more = true
    :: else
    fi;
    p++
  od;
  atomic { bits = 0; again = false; working = false }
}

/* Scheduler.run, #makePasses, #retryLater */
inline run_() {
  do
  :: i < MAX_PASSES ->
    tryLock();
    if
    :: !locked -> break
    :: else
    fi;
    pass();
#ifdef LOOK_BEFORE_UNLOCK
    look = (dirty != 0);
    unlock();
#else
    unlock();
    look = (dirty != 0);              /* #anyDirty */
#endif
    if
    :: !more && !look -> i = MAX_PASSES + 1; break
    :: else -> i++
    fi
  :: else -> break
  od;
  if
#ifndef NO_TIMER
  :: i <= MAX_PASSES -> timer[me] = true
#endif
  :: else
  fi;
  atomic { i = 0; look = false; more = false; locked = false }
}

/* Scheduler.#retry; poll() calls it too. */
inline retry() {
  timer[me] = false;
  takeOver();
#ifdef RETRY_PASSES_FIRST
  tryLock();
  if
  :: locked -> pass(); unlock()
  :: else
  fi;
#endif
  run_()
}

/* SoftwarePort.#post, Scheduler.kick */
inline post() {
  tx[me] = tx[me] + 1;
#ifdef MARK_AFTER_RUN
  run_();
  mark(me)
#else
  mark(me);
  run_()
#endif
}

proctype Thread(byte me) {
  byte i, k, p, bits, holder, posts;
  bool locked, mine, more, again, look;
#ifdef REUSED_NUMBERS
end_waiting:
  if
  :: me == THREADS - 1 -> dead[0]; entered = true
  :: else
  fi;
#endif
  {
end:
    do
    :: posts < POSTS -> posts++; post()
    :: timer[me] -> retry()
    od
  } unless { dead[me] }
}

proctype Reaper() {
  byte t, deaths;
  do
  :: deaths < DEATHS ->
    atomic {
      deaths++;
      t = 0;
      do
      :: t < MORTALS - 1 -> t++
      :: true -> break
      od;
      dead[t] = true;
      t = 0
    }
  :: true -> break
  od
}

/* Scheduler.recover: mark, #lock, passes, unlock, run. */
inline recover(t) {
  mark(t);
  do
  :: true ->
    tryLock();
    if
    :: locked -> break
    :: else -> takeOver()
    fi
  od;
  do
  :: true ->
    pass();
    if
    :: !more -> break
    :: else
    fi
  od;
  unlock();
  run_()
}

proctype Supervisor(byte me) {
  byte i, k, p, bits, holder, t;
  bool locked, mine, more, again, look;
  /* Nobody can do anything more of himself: no timer is armed, no call under way. */
  timeout;
  do
  :: t < THREADS -> assert(dead[t] || taken[t] == tx[t]); t++
  :: else -> t = 0; break
  od;
  do
  :: t < THREADS && dead[t] -> recover(t); t++
  :: t < THREADS && !dead[t] -> t++
  :: else -> t = 0; break
  od;
  do
  :: t < THREADS -> assert(taken[t] == tx[t]); t++
  :: else -> break
  od;
  finished = true
}

init {
  byte t;
  atomic {
    do
    :: t < THREADS -> run Thread(t); t++
    :: else -> break
    od;
    run Reaper();
    run Supervisor(supervisor)
  }
}

#ifdef LIVE
/* Nobody goes round in circles for ever. */
ltl live { <> finished }
#endif
