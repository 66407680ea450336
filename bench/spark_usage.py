"""What a Spark job used, counted by the operating system for this process and the JVM that it started."""

import json
import os
import resource


def cpu_so_far(spark):
    """CPU seconds of this process and of the JVM, which is still running."""
    with open(f"/proc/{spark.sparkContext._gateway.proc.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    own = resource.getrusage(resource.RUSAGE_SELF)
    jvm = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own.ru_utime + own.ru_stime + jvm


def end(spark):
    """Ends the JVM and waits for it, so that what it used is counted as this process's children's."""
    gateway = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


def report(started, ready, done, **more):
    """Prints the last line that the benchmark reads. `ready`: when the session stood, `done`: when the work was."""
    own, jvm = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    with open("/proc/self/io") as lines:
        io = dict(line.strip().split(": ") for line in lines)
    usage = {
        "wallSeconds": done - started,
        "workSeconds": done - ready,
        "cpuSeconds": own.ru_utime + own.ru_stime + jvm.ru_utime + jvm.ru_stime,
        "peakBytes": (own.ru_maxrss + jvm.ru_maxrss) * 1024,
        "readBytes": int(io["rchar"]),
        "writtenBytes": int(io["wchar"]),
        **more,
    }
    print(f"\nMEASURED {json.dumps(usage)}")
