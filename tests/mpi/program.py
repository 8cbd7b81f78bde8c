"""An MPI program as people write them in Python (mpi4py): wildcards, probes, derived types, windows, objects. Every rank
checks what it gets; rank 0 prints what the run found, the same over any transport. From 2 ranks on.

    mpirun -n 4 python3 -m mpi4py program.py [THREAD-LEVEL]      multiple (default), single, ... (mpi4py.rc.thread_level)
"""
import array
import hashlib
import sys

import mpi4py

mpi4py.rc.thread_level = (sys.argv + ["multiple"])[1]
from mpi4py import MPI  # noqa: E402

WORLD = MPI.COMM_WORLD
RANK, RANKS = WORLD.Get_rank(), WORLD.Get_size()
SIZES = (0, 1, 8, 88, 89, 4096, 8929, 65536, 65537, 300_000)


def check(good, what):
    if not good:
        print(f"rank {RANK}: {what}", flush=True)
        WORLD.Abort(1)


def content(seed, size):
    return bytes((seed * 31 + i * 7 + (i >> 8)) & 255 for i in range(size))


def digest(parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(repr(part).encode())
    return total.hexdigest()[:16]


def wildcards():
    """Everybody's messages of every size to rank 0, which takes them as they come."""
    own = WORLD.Dup()  # a wildcard would take what others send in the next part
    if RANK != 0:
        for tag, size in enumerate(SIZES):
            own.Send([content(RANK * 100 + tag, size), MPI.BYTE], dest=0, tag=tag)
        return []
    found, status = [], MPI.Status()
    newest = {source: -1 for source in range(1, RANKS)}
    for _ in range((RANKS - 1) * len(SIZES)):
        buffer = bytearray(max(SIZES))
        own.Recv([buffer, MPI.BYTE], source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG, status=status)
        source, tag, size = status.Get_source(), status.Get_tag(), status.Get_count(MPI.BYTE)
        check(size == SIZES[tag], f"message {tag} of {source} has {size} bytes")
        check(buffer[:size] == content(source * 100 + tag, size), f"message {tag} of {source} is not what was sent")
        check(tag == newest[source] + 1, f"message {tag} of {source} overtook another")
        newest[source] = tag
        found.append((source, tag, size))
    return sorted(found)


def probes():
    """A receiver that learns from a probe how much there is: by probe, improbe and mprobe."""
    right, left = (RANK + 1) % RANKS, (RANK - 1) % RANKS
    found = []
    for tag, size in enumerate(SIZES):
        request = WORLD.Isend([content(RANK + tag, size), MPI.BYTE], dest=right, tag=1000 + tag)
        status = MPI.Status()
        if tag % 3 == 0:
            WORLD.Probe(source=MPI.ANY_SOURCE, tag=1000 + tag, status=status)
            buffer = bytearray(status.Get_count(MPI.BYTE))
            WORLD.Recv([buffer, MPI.BYTE], source=status.Get_source(), tag=1000 + tag)
        else:
            message = None
            while message is None:
                message = (WORLD.Mprobe if tag % 3 == 1 else WORLD.Improbe)(source=left, tag=MPI.ANY_TAG, status=status)
            check(status.Get_tag() == 1000 + tag, f"probe found tag {status.Get_tag()} before {1000 + tag}")
            buffer = bytearray(status.Get_count(MPI.BYTE))
            message.Recv([buffer, MPI.BYTE])
        check(bytes(buffer) == content(left + tag, size), f"probed message of {size} bytes is not what was sent")
        request.Wait()
        found.append(len(buffer))
    WORLD.Barrier()
    check(not WORLD.Iprobe(source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG), "a message too many")
    WORLD.Barrier()  # nobody sends of the next part before everybody has looked
    return found


def derived_types():
    """A column of a matrix, a struct with a hole, and an indexed type to contiguous bytes."""
    right, left = (RANK + 1) % RANKS, (RANK - 1) % RANKS
    rows, columns = 300, 70
    matrix = array.array("d", (RANK * 1e6 + i for i in range(rows * columns)))
    into = array.array("d", bytes(8 * rows * columns))
    column = MPI.DOUBLE.Create_vector(rows, 1, columns).Commit()
    WORLD.Sendrecv([matrix, 1, column], dest=right, recvbuf=[into, 1, column], source=left)
    for i in range(rows * columns):
        expected = left * 1e6 + i if i % columns == 0 else 0
        check(into[i] == expected, f"element {i} of the matrix is {into[i]}, not {expected}")

    record = MPI.Datatype.Create_struct([3, 2], [0, 16], [MPI.BYTE, MPI.INT64_T]).Create_resized(0, 40).Commit()
    records = content(RANK, 40 * 500)
    received = bytearray(40 * 500)
    WORLD.Sendrecv([records, 500, record], dest=right, recvbuf=[received, 500, record], source=left)
    sent = content(left, 40 * 500)
    for i in range(500):
        at = 40 * i
        expected = sent[at:at + 3] + bytes(13) + sent[at + 16:at + 32] + bytes(8)
        check(received[at:at + 40] == expected, f"record {i}")

    pieces = MPI.BYTE.Create_indexed([1, 10, 1000, 7], [0, 5, 100, 2000]).Commit()
    packed = bytearray(1018)
    WORLD.Sendrecv([content(RANK, 2007), 1, pieces], dest=right, recvbuf=[packed, MPI.BYTE], source=left)
    whole = content(left, 2007)
    check(packed == whole[0:1] + whole[5:15] + whole[100:1100] + whole[2000:2007], "indexed pieces")
    for kind in (column, record, pieces):
        kind.Free()
    return [sum(into), bytes(received), bytes(packed)]


def windows():
    """Put and get under a fence, sums under locks, a counter that everybody draws from, start and post."""
    words = 512
    memory = array.array("q", bytes(8 * words * RANKS))
    window = MPI.Win.Create(memory, disp_unit=8, comm=WORLD)
    mine = array.array("q", (RANK * 1000 + i for i in range(words)))
    window.Fence()
    for to in range(RANKS):
        window.Put([mine, MPI.INT64_T], to, target=(RANK * words, words, MPI.INT64_T))
    window.Fence()
    for source in range(RANKS):
        part = memory[source * words:(source + 1) * words]
        check(part == array.array("q", (source * 1000 + i for i in range(words))), f"what {source} put")
    there = array.array("q", bytes(8 * words))
    window.Get([there, MPI.INT64_T], (RANK + 1) % RANKS, target=(RANK * words, words, MPI.INT64_T))
    window.Fence()
    check(there == mine, "what was got is not what was put")

    one, before, drawn = array.array("q", [1]), array.array("q", [0]), []
    memory[0] = memory[1] = 0
    window.Fence()
    window.Lock_all()
    for _ in range(50):
        window.Accumulate([one, MPI.INT64_T], 0, target=(1, 1, MPI.INT64_T), op=MPI.SUM)
        window.Fetch_and_op([one, MPI.INT64_T], [before, MPI.INT64_T], 0, 0, MPI.SUM)
        window.Flush(0)
        drawn.append(before[0])
    window.Unlock_all()
    check(drawn == sorted(drawn), "numbers were drawn out of order")
    everything = sorted(sum(WORLD.allgather(drawn), []))
    check(everything == list(range(50 * RANKS)), "a number was drawn twice or not at all")
    window.Fence()
    total = memory[1]
    check(RANK != 0 or total == 50 * RANKS, f"accumulated {total}")

    group = WORLD.Get_group()
    neighbours = group.Incl([(RANK + 1) % RANKS]), group.Incl([(RANK - 1) % RANKS])
    window.Post(neighbours[1])
    window.Start(neighbours[0])
    window.Put([mine, MPI.INT64_T], (RANK + 1) % RANKS, target=(0, words, MPI.INT64_T))
    window.Complete()
    window.Wait()
    check(memory[5] == (RANK - 1) % RANKS * 1000 + 5, "what was put between post and wait")
    window.Free()
    return everything


def objects():
    """Pickled objects and collectives."""
    thing = {"rank": RANK, "list": list(range(RANK * 100)), "text": "ä" * 5000}
    gathered = WORLD.gather(thing, root=RANKS - 1)
    everyone = WORLD.bcast(gathered, root=RANKS - 1)
    check([one["rank"] for one in everyone] == list(range(RANKS)), "gathered and broadcast")
    swapped = WORLD.alltoall([(RANK, to) for to in range(RANKS)])
    check(swapped == [(source, RANK) for source in range(RANKS)], "all to all")
    largest = WORLD.allreduce(RANK * 1.5, op=MPI.MAX)
    prefix = WORLD.scan(RANK + 1)
    check(prefix == (RANK + 1) * (RANK + 2) // 2, f"scan gave {prefix}")
    return [everyone, largest]


for part in (wildcards, probes, derived_types, windows, objects):
    results = WORLD.gather(digest(part()), root=0)
    if RANK == 0:
        print(f"{part.__name__}: {' '.join(results)}", flush=True)
sys.stdout.flush()
