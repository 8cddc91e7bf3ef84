/*
 * Credits are conserved (lib/device/software/credits.ts against SoftwarePort.#post).
 *
 * Two ports send into one CQ, which a consumer empties. Each port's tx word holds its allowance and
 * the count of its posted records, and is changed by compare-and-swap. The holder dies between any
 * two steps, DEATHS times, as the mender or otherwise; what a pass changes beside the credits is
 * undone then, or done (journal.pml).
 */
#ifndef CREDITS
#define CREDITS 3
#endif
#ifndef SENDS
#define SENDS 2             /* by port 0; port 1 sends one less */
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#define TARGET 2            /* Credits.#target: what a port that sends is given at a time */
#define DEPTH 2

/* Public words. A tx word is two: they are only ever read and changed together. */
byte allowance[2]
byte tx[2]
byte head
byte tail
/* The holder's; those with a saved one are journaled. */
byte taken[2]
byte savedTaken[2]
byte queued                 /* cells in use */
byte savedQueued
byte ownTail
byte reclaimed
byte creditsFree
byte phase                  /* 0 idle, 1 working, 2 publishing */

bool kicked[2]              /* dirty bits */
bool dies                   /* the holder ends before its next step */

/* Where credits are, as a port could see it; the free ones are the holder's. */
#define untaken (tx[0] - taken[0] + tx[1] - taken[1])
#define held (allowance[0] + allowance[1] + untaken + queued + ownTail - reclaimed)

/* ---- Credits ---- */

inline reclaim() {
  atomic { n = head; creditsFree = creditsFree + (n - reclaimed) }
  atomic { reclaimed = n; n = 0 }
}

inline grant(p) {
  had = allowance[p];
  if
  :: (TARGET - had) * 2 >= TARGET ->
    need = TARGET - had;
    if
    :: creditsFree < need -> reclaim()
    :: else
    fi;
    if
    :: creditsFree == 0 && had == 0 -> revoke(1 - p)
    :: else
    fi;
    atomic { given = (need < creditsFree -> need : creditsFree); creditsFree = creditsFree - given }
    if
    :: given > 0 ->
#ifdef GRANTS_BY_STORE
      atomic { was = allowance[p]; wasTx = tx[p] }
      atomic { allowance[p] = was + given; tx[p] = wasTx }
#else
      allowance[p] = allowance[p] + given        /* Atomics.compareExchange, until it has been done */
#endif
    :: else
    fi
  :: else
  fi;
  atomic { had = 0; need = 0; given = 0; was = 0; wasTx = 0 }
}

/* Credits.#revokeOthers */
inline revoke(o) {
  atomic { was = allowance[o]; wasTx = tx[o] }
  do
  :: was == 0 -> break
  :: was > 0 ->
    atomic {
      if
#ifdef REVOKES_BY_STORE
      :: true -> allowance[o] = 0; swapped = true
#else
      :: allowance[o] == was && tx[o] == wasTx -> allowance[o] = 0; swapped = true
      :: else -> swapped = false
#endif
      fi
    }
    atomic {
      if
      :: swapped -> creditsFree = creditsFree + was; was = 0
      :: else -> was = allowance[o]; wasTx = tx[o]
      fi
    }
  od;
  atomic { was = 0; wasTx = 0; swapped = false }
}

inline recount() {
  atomic { given = queued + (ownTail - reclaimed); p = 0 }
  do
  :: p < 2 ->
#ifdef RECOUNTS_IN_TWO_LOOKS
    had = allowance[p];
    atomic { given = given + had + (tx[p] - taken[p]); p++ }
#else
    atomic { given = given + allowance[p] + (tx[p] - taken[p]); p++ }
#endif
  :: else -> break
  od;
  atomic { creditsFree = CREDITS - given; p = 0; given = 0; had = 0 }
}

/* ---- Scheduler ---- */

inline pass() {
  d_step { savedTaken[0] = taken[0]; savedTaken[1] = taken[1]; savedQueued = queued; phase = 1 }
  do
  :: p < 2 ->
    kicked[p] = false;
    d_step { queued = queued + (tx[p] - taken[p]); taken[p] = tx[p]; p++ }
  :: else -> p = 0; break
  od;
  reclaim();
  /* Some of them find room. */
  atomic {
    do
    :: queued > 0 && ownTail - reclaimed < DEPTH -> queued--; ownTail++
    :: else -> break
    od
  }
  phase = 2;
  publish();
  phase = 0
}

/* Scheduler.#publish, #refill */
inline publish() {
  tail = ownTail;
  grant(0);
  grant(1)
}

inline mend() {
  if
  :: phase == 1 ->
    d_step { taken[0] = savedTaken[0]; taken[1] = savedTaken[1]; queued = savedQueued; ownTail = tail; phase = 0 }
  :: else
  fi;
  tail = ownTail;
  phase = 0;
#ifndef DOES_NOT_RECOUNT
  recount();
#endif
  atomic { kicked[0] = true; kicked[1] = true }
}

inline forget() {
  d_step { n = 0; p = 0; had = 0; need = 0; given = 0; was = 0; wasTx = 0; swapped = false }
}

proctype Holder() {
  byte n, p, had, need, given, was, wasTx;
  bool swapped;
  bool another;             /* has taken the lock over, and has not mended yet */
  do
  :: {
      do
      :: another -> mend(); another = false
      :: !another ->
end:    (kicked[0] || kicked[1] || queued > 0 && tail - head < DEPTH);
        pass();
        forget();
        assert(creditsFree + held == CREDITS)
      od
    } unless { dies -> forget(); dies = false; another = true }
  od
}

proctype Reaper() {
  byte deaths;
  do
  :: deaths < DEATHS && !dies -> dies = true; deaths++
  :: true -> break
  od
}

/* SoftwarePort.#post of one event at a time; when there is no credit, the app tries again later. */
proctype Sender(byte me) {
  byte sent, was, wasTx;
  do
  :: sent == SENDS - me -> break
  :: sent < SENDS - me ->
    atomic { was = allowance[me]; wasTx = tx[me] }
    if
    :: was > 0 ->
      atomic {
        if
#ifdef POSTS_BY_STORE
        :: true ->
#else
        :: !(allowance[me] == was && tx[me] == wasTx)
        :: else ->
#endif
          allowance[me] = was - 1;
          tx[me] = wasTx + 1;
          sent++;
          assert(allowance[0] + allowance[1] + tx[0] + tx[1] - head <= CREDITS)
        fi
      }
    :: else
    fi;
    atomic { was = 0; wasTx = 0 }
    kicked[me] = true;
    !kicked[me] || allowance[me] > 0
  od
}

proctype Consumer() {
end:
  do
  :: tail != head -> head++
  od
}

proctype Check() {
  timeout;
  assert(head == 2 * SENDS - 1 && creditsFree + held == CREDITS)
}

init {
  creditsFree = CREDITS;
  atomic {
    run Holder();
    run Reaper();
    run Sender(0);
    run Sender(1);
    run Consumer();
    run Check()
  }
}
