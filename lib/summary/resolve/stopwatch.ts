import type { Clock } from '../../stores/ports.ts';

/** Milliseconds per named phase of a unit; a name that comes again adds up. */
export function stopwatch(clock: Clock) {
  const laps: Record<string, number> = {};
  let last = clock.now();
  return {
    lap(name: string): void {
      const now = clock.now();
      laps[name] = (laps[name] ?? 0) + now - last;
      last = now;
    },
    laps: (): Readonly<Record<string, number>> => ({ ...laps }),
  };
}
