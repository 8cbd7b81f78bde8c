/* The life of an express channel (drivers/efa/abi.hpp, docs/efa-abi.md) between one sender and one receiver, with the
 * path through the daemon beside it. Each statement is one step that others may come between.
 *
 * Shown: whatever dies or is revoked when, every packet that was published is taken out once, unless the receiver died;
 * the receiver lets go only of an empty channel; nobody sleeps over a packet; every channel ends, and another may follow.
 *
 * The sleep. Sender: publish; barrier; look at receiver_asleep. Receiver: store receiver_asleep; barrier; look at the slot.
 * With sequential consistency one of the two sees the other. The barriers make it so: the sender's is a fence (seq_cst,
 * ChannelHeader::fences = 1), or the receiver's is membarrier(), which is a fence in both (-DMEMBARRIER: the sender's store
 * waits in a buffer, and the receiver's barrier empties it). With neither, a packet is slept over: -DNO_BARRIER must fail.
 * Other mistakes that must be found: -DNO_SECOND_LOOK, -DNO_RELEASE_NOTICE, -DSEND_AGAIN (check.py). */

#ifndef PACKETS
#define PACKETS 3
#endif
#define SLOTS 2
#define CHANNELS 2 /* one after the other */
#define NONE 255

typedef Channel {
  byte sequence[SLOTS]; /* index + 1, stored last */
  byte packet[SLOTS];
  byte consumed;
  bool revoked, sender_gone; /* the daemon's */
  bool quiesced;             /* the sender's */
  bool receiver_asleep       /* the receiver's */
}
Channel channel[CHANNELS];

/* Records on the sockets, and the pipe that wakes the receiver. */
byte granted = NONE, offered = NONE;
bool sender_releases, receiver_releases;
bool pipe;
chan through_daemon = [2] of {byte};

/* What can always happen would hide that nothing else can: so each run says first what will. */
bool sender_may_die, receiver_may_die, may_revoke;
bool sender_dead, receiver_dead;
byte sender_has = NONE, receiver_has = NONE;
bool sent[PACKETS], received[PACKETS]; /* for the watcher */

#if defined(MEMBARRIER) || defined(NO_BARRIER)
/* One store of the sender's that others do not see yet. Later ones wait for it (x86). */
bool buffered;
byte buffered_channel, buffered_slot, buffered_sequence;
active proctype store_buffer() {
end:
  do
  :: atomic { buffered -> channel[buffered_channel].sequence[buffered_slot] = buffered_sequence; buffered = false }
  od
}
#define STORED !buffered
#define PUBLISH(c, i) \
  atomic { STORED -> buffered_channel = c; buffered_slot = (i) % SLOTS; buffered_sequence = (i) + 1; buffered = true; sent[next] = true }
#else
#define STORED true
#define PUBLISH(c, i) atomic { channel[c].sequence[(i) % SLOTS] = (i) + 1; sent[next] = true }
#endif
#ifdef MEMBARRIER
#define RECEIVERS_BARRIER (STORED)
#else
#define RECEIVERS_BARRIER skip
#endif

active proctype sender() {
  byte next = 0, index = 0;
  if
  :: sender_may_die = true
  :: skip
  fi;
end:
  do
  :: atomic { granted != NONE -> sender_has = granted; granted = NONE; index = 0 }

  /* Through the daemon: always possible, also with a channel. */
  :: atomic {
       next < PACKETS && (receiver_dead || nfull(through_daemon)) ->
       if
       :: receiver_dead -> skip /* answered: no such queue pair */
       :: else -> through_daemon!next; sent[next] = true; pipe = true
       fi;
       next++
     }

  /* Over the channel. */
  :: next < PACKETS && sender_has != NONE && !channel[sender_has].revoked &&
         index - channel[sender_has].consumed < SLOTS ->
     channel[sender_has].packet[index % SLOTS] = next;
     if
     :: skip
     :: sender_may_die && STORED -> goto dies /* between fill and publish */
     fi;
     PUBLISH(sender_has, index);
     index++;
     next++;
     if /* the fence is here */
     :: channel[sender_has].receiver_asleep -> pipe = true
     :: else
     fi

  :: sender_has != NONE && channel[sender_has].revoked && STORED ->
#ifdef SEND_AGAIN
     /* The design that was rejected: what is not consumed is sent again. */
     if
     :: channel[sender_has].consumed < index -> next--
     :: else
     fi;
#endif
     channel[sender_has].quiesced = true;
     atomic { sender_has = NONE; sender_releases = true }

  :: sender_may_die && STORED -> goto dies
  od;
dies:
  atomic { sender_dead = true; sender_has = NONE }
}

active proctype receiver() {
  byte index = 0, packet;
  if
  :: receiver_may_die = true
  :: skip
  fi;
end:
  do
  :: atomic { offered != NONE && receiver_has == NONE -> receiver_has = offered; offered = NONE; index = 0 }

  :: atomic { through_daemon?packet -> assert(!received[packet]); received[packet] = true }

  :: receiver_has != NONE && channel[receiver_has].sequence[index % SLOTS] == index + 1 ->
     atomic {
       packet = channel[receiver_has].packet[index % SLOTS];
       assert(!received[packet]);
       received[packet] = true
     };
     index++;
     channel[receiver_has].consumed = index

  :: receiver_has != NONE && (channel[receiver_has].quiesced || channel[receiver_has].sender_gone) ->
#ifdef NO_SECOND_LOOK
     atomic { receiver_has = NONE; receiver_releases = true }
#else
     if
     :: channel[receiver_has].sequence[index % SLOTS] == index + 1 /* not empty yet */
     :: else -> atomic { receiver_has = NONE; receiver_releases = true }
     fi
#endif

  /* Sleep, unless there is something by now. */
  :: if
     :: receiver_has != NONE -> channel[receiver_has].receiver_asleep = true
     :: else
     fi;
     RECEIVERS_BARRIER;
     if
     :: receiver_has != NONE && channel[receiver_has].sequence[index % SLOTS] == index + 1 -> goto awake
     :: else
     fi;
     if
     :: receiver_has != NONE && (channel[receiver_has].quiesced || channel[receiver_has].sender_gone) -> goto awake
     :: else
     fi;
     if
     :: nempty(through_daemon) || offered != NONE -> goto awake
     :: empty(through_daemon) && offered == NONE
     fi;
end_asleep:
     if
     :: atomic { pipe -> pipe = false }
     :: receiver_may_die -> goto dies
     fi;
awake:
     if
     :: receiver_has != NONE -> channel[receiver_has].receiver_asleep = false
     :: else
     fi

  :: receiver_may_die -> goto dies
  od;
dies:
  atomic { receiver_dead = true; receiver_has = NONE }
}

byte channels_made = 0, current = NONE;
bool sender_released, receiver_released, knows_sender_dead, knows_receiver_dead;

active proctype daemon() {
end:
  do
  /* A request was allowed: to the receiver first. */
  :: current == NONE && channels_made < CHANNELS && !knows_sender_dead && !knows_receiver_dead ->
     atomic { current = channels_made; channels_made++; sender_released = false; receiver_released = false };
     if
     :: may_revoke = true
     :: may_revoke = false
     fi;
     atomic { offered = current; pipe = true };
     granted = current

  /* A gate refuses now. */
  :: current != NONE && may_revoke && !channel[current].revoked ->
     channel[current].revoked = true;
     pipe = true

  :: sender_dead && !knows_sender_dead ->
     knows_sender_dead = true;
     if
     :: current != NONE -> channel[current].sender_gone = true; sender_released = true; pipe = true
     :: else
     fi

  :: receiver_dead && !knows_receiver_dead ->
     knows_receiver_dead = true;
     if
     :: current != NONE -> channel[current].revoked = true; receiver_released = true
     :: else
     fi

  :: sender_releases ->
     sender_releases = false;
     sender_released = true;
#ifndef NO_RELEASE_NOTICE
     pipe = true /* or the receiver sleeps over `quiesced` */
#endif

  :: receiver_releases -> receiver_releases = false; receiver_released = true

  :: current != NONE && sender_released && receiver_released ->
     assert(sender_has != current && receiver_has != current);
     current = NONE
  od
}

/* When nothing moves any more. */
active proctype watcher() {
  byte i;
  timeout ->
  for (i : 0 .. PACKETS - 1) {
    assert(!sent[i] || received[i] || receiver_dead);
    assert(sent[i] || sender_dead || receiver_dead)
  }
  if
  :: current != NONE -> /* a channel that is still there is in use */
     assert(!channel[current].revoked && !sender_dead && !receiver_dead)
  :: else
  fi
}
