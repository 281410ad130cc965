"""Ends with a cluster in memory that nobody has closed, and a node of it frozen."""

from qcluster.testing import TestCluster

cluster = TestCluster(3)
cluster.freeze(cluster.wait_for_leader())
print("ends", flush=True)
