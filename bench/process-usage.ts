import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** What processes use, read from Linux's /proc while they run. */

/** Clock ticks of /proc, a constant of Linux on the machines that Node runs on. */
const ticksPerSecond = 100;

/** Processes that this one started and their descendants. */
export function descendants(of = process.pid): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(Number(name));
    if (fields !== undefined) parents.set(Number(name), Number(fields[1]));
  }
  const found: number[] = [];
  for (let some = [of]; some.length > 0; ) {
    some = [...parents].flatMap(([pid, parent]) => (some.includes(parent) ? [pid] : []));
    found.push(...some);
  }
  return found;
}

/** User and system time of these processes since they began. */
export function cpuSecondsOf(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = statOf(pid);
    return fields === undefined ? 0 : Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, some) => sum + some, 0) / ticksPerSecond;
}

/** From here on `peakBytesOf` tells the peak since this call. */
export function forgetPeak(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Sum over the processes of the largest resident size of each. */
export function peakBytesOf(pids: readonly number[]): number {
  const sizes = pids.map((pid) =>
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]),
  );
  return sizes.reduce((sum, size) => sum + (Number.isNaN(size) ? 0 : size), 0) * 1024;
}

/** Fields of /proc/<pid>/stat after the name, the state first; undefined when the process has gone. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
