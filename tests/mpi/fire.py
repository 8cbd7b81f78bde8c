"""A fabric of several paths between the two instances, and everything that may be wrong with it at once."""
from weft_mpi import CLUSTER

# Two racks, for the paths between them are many.
RACKS = CLUSTER.replace("strategy: cluster", "strategy: spread") + "fabric: {spines: 8, spine: {latency: 5us}}\n"
FIRE = ("--loss", "1%", "--duplicate", "1%", "--reorder", "5%", "--reorder-by", "100us", "--latency", "20us")
FLAP = ("--path", "3", "--flap-period", "70ms", "--flap-down", "20ms")


def set_on_fire(weft):
    weft.run("fault", "set", "fire", *FIRE)
    weft.run("fault", "set", "flapping", *FLAP)
