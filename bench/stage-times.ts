import type { ProgressEvent } from '../lib/run/progress-event.ts';

/** Wall milliseconds between one stage's beginning and the next's, in `stages`. */
export function stageTimes(first: string): {
  readonly stages: Readonly<Record<string, number>>;
  readonly mark: (name: string) => void;
  readonly onProgress: (event: ProgressEvent) => void;
} {
  const stages: Record<string, number> = {};
  let last: { readonly name: string; readonly at: number } | undefined;
  const mark = (name: string) => {
    const now = performance.now();
    if (last !== undefined) stages[last.name] = (stages[last.name] ?? 0) + now - last.at;
    last = { name, at: now };
  };
  mark(first);
  return {
    stages,
    mark,
    onProgress: (event) => {
      if (event.kind === 'stage' || event.kind === 'unit') mark(event.stage);
    },
  };
}
