import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process holds something, so that another one on the same machine can know that it has ended. */
export interface ProcessIdentity {
  readonly pid: number;
  /**
   * Where the pid means this process: boot and pid namespace on Linux, the host's name elsewhere. Two containers, or
   * two machines that share a folder, differ in it.
   */
  readonly scope: string;
  /** Clock ticks from boot to the start of the process: tells it from a later one with the same pid. Linux only. */
  readonly startTicks: string | undefined;
}

/** This process; undefined when it cannot be told. */
export function ownProcess(): ProcessIdentity | undefined {
  const scope = ownScope();
  if (scope === undefined) return undefined;
  const startTicks = processState('self')?.startTicks;
  if (process.platform === 'linux' && startTicks === undefined) return undefined;
  return { pid: process.pid, scope, startTicks };
}

/** True only when the process has provably ended; false when it lives and when that cannot be known from here. */
export function isGone({ pid, scope, startTicks }: ProcessIdentity): boolean {
  if (scope !== ownScope() || !Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to someone else.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const state = processState(pid);
  if (state === undefined || startTicks === undefined) return false;
  // A zombie runs no more code; it only waits for its parent to take notice.
  return state.startTicks !== startTicks || state.code === 'Z' || state.code === 'X';
}

function ownScope(): string | undefined {
  if (process.platform !== 'linux') return `host:${hostname()}`;
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `boot:${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

/** Fields 3 and 22 of /proc/PID/stat, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the name before them may hold anything. */
function processState(
  pid: number | 'self',
): { readonly code: string; readonly startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [code] = fields;
    const startTicks = fields[19];
    return code === undefined || startTicks === undefined ? undefined : { code, startTicks };
  } catch {
    return undefined;
  }
}
