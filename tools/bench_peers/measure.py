"""How a peer's side of tools/bench answers: measured when told to, asleep between."""
import statistics
import sys
import time


def answer_lines(run, of_seconds):
    """Runs once to warm up and says "ready"; then each line of standard input says for how many seconds to `run` (three
    times at least) and is answered with `of_seconds` of the median."""
    run()
    print("ready", flush=True)
    for line in sys.stdin:
        times, end = [], time.perf_counter() + float(line)
        while time.perf_counter() < end or len(times) < 3:
            begin = time.perf_counter()
            run()
            times.append(time.perf_counter() - begin)
        print(of_seconds(statistics.median(times)), flush=True)
