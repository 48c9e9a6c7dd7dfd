"""Many messages moved, copied, replayed or got back from the log, as jobs that go on beside everything else."""
