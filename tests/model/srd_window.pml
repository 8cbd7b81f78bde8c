/* What sessions and incarnations of the SRD transport are for (fabric/srd): a sender that may give up a session at any time,
 * a receiver whose process may be replaced at any time, and a wire that loses, repeats and reorders without bound: what was
 * sent once may come whenever, as often as it likes, or never. So the wire is the set of all that was ever put on it.
 *
 * Shown: no process takes a packet twice; what is reported as arrived was taken, and all that one session reports as
 * arrived was taken by one and the same process.
 *
 * Mistakes that must be found (check.py): -DNO_DUPLICATE_CHECK; -DNO_SESSION: a packet of a session that was given up counts
 * in the next; -DNO_INCARNATION: the word of another process is believed like that of the first. */

#define PACKETS 2
#define SESSIONS 2
#define PROCESSES 2
#define MASKS 4 /* subsets of the packets */

bool wire[4];             /* sent before anything of its session was known to have arrived */
bool wire_established[4]; /* sent after that */
bool words[16];  /* acknowledgements: by whom, of what */
byte taken[4];          /* by which process: a mask */
byte arrived;                              /* what the sender's session has reported: a mask */
byte sending = 0;

active proctype sender() {
  byte psn, mask, process;
  byte known = PROCESSES; /* the process that answered first */
begins:
  do
  /* Sends one, for the first time or again. */
  :: atomic {
       if
       :: psn = 0
       :: psn = 1
       fi;
       if
       :: arrived == 0 -> wire[sending * PACKETS + psn] = true
       :: else -> wire_established[sending * PACKETS + psn] = true
       fi;
       psn = 0
     }
  /* Hears one of the words on the wire. */
  :: atomic {
       if
       :: process = 0
       :: process = 1
       fi;
       if
       :: mask = 1
       :: mask = 2
       :: mask = 3
       fi;
       if
       :: !words[(sending * PROCESSES + process) * MASKS + mask]
#ifndef NO_INCARNATION
       :: words[(sending * PROCESSES + process) * MASKS + mask] && known != PROCESSES && known != process -> goto ends
#endif
       :: else ->
#ifndef NO_INCARNATION
          known = process;
#endif
          arrived = arrived | mask;
          assert((taken[sending * PROCESSES] & arrived) == arrived || (taken[sending * PROCESSES + 1] & arrived) == arrived)
       fi;
       mask = 0;
       process = 0
     }
  :: true -> goto ends
  od;
ends:
  atomic {
    known = PROCESSES;
    arrived = 0;
    mask = 0;
    process = 0;
    if
    :: sending + 1 < SESSIONS -> sending++; goto begins
    :: else
    fi
  }
}

active proctype receiver() {
  byte process = 0, session = SESSIONS /* none is known */, seen = 0, came, one;
end:
  do
  /* Another process has the number now. */
  :: atomic { process + 1 < PROCESSES -> process++; session = SESSIONS; seen = 0 }

  /* One of all that was ever sent comes. */
  :: atomic {
       if
       :: wire[0] -> came = 0
       :: wire[1] -> came = 1
       :: wire[2] -> came = 2
       :: wire[3] -> came = 3
       :: wire_established[0] && session == 0 -> came = 0 /* of a session that is not known: refused */
       :: wire_established[1] && session == 0 -> came = 1
       :: wire_established[2] && session == 1 -> came = 2
       :: wire_established[3] && session == 1 -> came = 3
       fi;
       if
       :: session == SESSIONS || came / PACKETS > session -> session = came / PACKETS; seen = 0
       :: else
       fi;
       one = 1 << (came % PACKETS);
       if
#ifndef NO_SESSION
       :: came / PACKETS < session
#endif
#ifndef NO_DUPLICATE_CHECK
       :: (seen & one) != 0
#endif
       :: else ->
          assert((taken[came / PACKETS * PROCESSES + process] & one) == 0);
          taken[came / PACKETS * PROCESSES + process] = taken[came / PACKETS * PROCESSES + process] | one;
          seen = seen | one
       fi;
       came = 0;
       one = 0
     }

  :: atomic { session != SESSIONS && seen != 0 -> words[(session * PROCESSES + process) * MASKS + seen] = true }
  od
}
