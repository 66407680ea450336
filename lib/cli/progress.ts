import { bytes, count, duration } from '../report/format.ts';
import type { Stream } from './output.ts';

/** What a run tells while it goes. Totals are known from the plan, so the rest of the time can be reckoned. */
export interface ProgressEvent {
  readonly kind: string;
  readonly stage?: string | undefined;
  readonly unit?: string | undefined;
  readonly unitsDone?: number | undefined;
  readonly unitsTotal?: number | undefined;
  /** Rows and bytes of the stage so far. */
  readonly rows?: number | undefined;
  readonly bytes?: number | undefined;
  readonly text?: string | undefined;
}

export interface ProgressOptions {
  readonly stream: Stream;
  readonly quiet: boolean;
  readonly now: () => number;
}

export interface Progress {
  event(event: ProgressEvent): void;
  /** Ends the line that is being redrawn. */
  finish(): void;
}

const redrawMs = 100;
const plainLineMs = 5_000;

interface StageState {
  readonly name: string;
  readonly startedMs: number;
  /** Units that stood before this stage's first event: skipped by a resume, so no measure of speed. */
  readonly doneAtStart: number;
  done: number;
  total: number;
  rows: number;
  bytes: number;
}

/** One line redrawn in place on a terminal; elsewhere a plain line per stage, and one every five seconds. */
export function makeProgress(options: ProgressOptions): Progress {
  const { stream, now } = options;
  if (options.quiet) return { event: () => undefined, finish: () => undefined };
  const redraws = stream.isTTY === true;
  let stage: StageState | undefined;
  let lastShownMs = Number.NEGATIVE_INFINITY;
  let drawn = false;

  const clear = () => {
    if (drawn) stream.write('\r\u001b[2K');
    drawn = false;
  };
  const show = (final: boolean) => {
    if (stage === undefined) return;
    const line = stageLine(stage, now(), final);
    clear();
    if (redraws && !final) {
      stream.write(line.slice(0, Math.max(20, (stream.columns ?? 80) - 1)));
      drawn = true;
    } else {
      stream.write(`${line}\n`);
    }
    lastShownMs = now();
  };
  const closeStage = () => {
    if (stage !== undefined) show(true);
    stage = undefined;
  };

  return {
    event: (event) => {
      if (event.text !== undefined && event.stage === undefined) {
        clear();
        stream.write(`${event.text}\n`);
        return;
      }
      if (event.stage === undefined) return;
      if (stage?.name !== event.stage) {
        closeStage();
        const done = event.unitsDone ?? 0;
        const doneAtStart = event.kind === 'stage' ? done : 0;
        stage = { name: event.stage, startedMs: now(), doneAtStart, done, total: 0, rows: 0, bytes: 0 };
      }
      stage.done = event.unitsDone ?? stage.done;
      stage.total = event.unitsTotal ?? stage.total;
      stage.rows = event.rows ?? stage.rows;
      stage.bytes = event.bytes ?? stage.bytes;
      if (now() - lastShownMs >= (redraws ? redrawMs : plainLineMs)) show(false);
    },
    finish: () => {
      closeStage();
      clear();
    },
  };
}

/** @example stageLine(stage, now, false) // 'apply     12/40 units  1,200,000 rows  85,000 rows/s  about 33 s left' */
function stageLine(stage: StageState, nowMs: number, final: boolean): string {
  const elapsedMs = Math.max(1, nowMs - stage.startedMs);
  const parts = [`  ${stage.name.padEnd(9)}`];
  if (stage.total > 0)
    parts.push(`${count(stage.done)}/${count(stage.total)} ${stage.total === 1 ? 'unit' : 'units'}`);
  if (stage.rows > 0) parts.push(`${count(stage.rows)} rows`);
  if (stage.bytes > 0) parts.push(bytes(stage.bytes));
  if (stage.rows > 0) parts.push(`${count(Math.round((stage.rows * 1000) / elapsedMs))} rows/s`);
  if (final) parts.push(duration(elapsedMs));
  else {
    const left = remainingMs(stage, elapsedMs);
    if (left !== undefined) parts.push(`about ${duration(left)} left`);
  }
  return parts.join('  ');
}

function remainingMs(stage: StageState, elapsedMs: number): number | undefined {
  const done = stage.done - stage.doneAtStart;
  return done <= 0 || stage.total <= stage.done ? undefined : (elapsedMs / done) * (stage.total - stage.done);
}
