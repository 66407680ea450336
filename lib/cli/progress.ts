import { bytes, count, duration } from '../report/format.ts';
import type { ProgressEvent } from '../run/progress-event.ts';
import type { Stream } from './output.ts';
import { newPace, type Pace } from './pace.ts';

export interface ProgressOptions {
  readonly stream: Stream;
  readonly quiet: boolean;
  readonly now: () => number;
}

export interface Progress {
  readonly event: (event: ProgressEvent) => void;
  /** Ends the line that is being redrawn. */
  readonly finish: () => void;
}

const redrawMs = 100;
const plainLineMs = 5_000;

interface StageState {
  readonly name: string;
  readonly total: number;
  startedMs: number | undefined;
  /** When its newest unit ended. */
  unitEndedMs: number | undefined;
  done: number;
  /** Units whose checkpoint stood already: no measure of speed. */
  skipped: number;
  /** Units that wait for Spark. */
  readonly compiled: Set<string>;
  rows: number;
  bytes: number;
  pace: Pace;
}

/** One line redrawn in place on a terminal; elsewhere a plain line per stage, and one every five seconds. */
export function makeProgress(options: ProgressOptions): Progress {
  const { stream, now } = options;
  if (options.quiet) return { event: () => undefined, finish: () => undefined };
  const redraws = stream.isTTY === true;
  const stages = new Map<string, StageState>();
  let current: StageState | undefined;
  let shownMs = Number.NEGATIVE_INFINITY;
  let drawn = false;
  let lastNote: string | undefined;

  const clear = () => {
    if (drawn) stream.write('\r\u001b[2K');
    drawn = false;
  };
  const line = (text: string) => {
    clear();
    stream.write(`${text}\n`);
  };
  const show = (final: boolean) => {
    if (current === undefined) return;
    const text = stageLine(current, now(), final);
    if (!redraws || final) {
      line(text);
    } else {
      clear();
      stream.write(text.slice(0, Math.max(20, (stream.columns ?? 80) - 1)));
      drawn = true;
    }
    shownMs = now();
  };
  const stageOf = (name: string): StageState => {
    const stage = stages.get(name) ?? newStage(name, 0);
    stages.set(name, stage);
    return stage;
  };
  const enter = (stage: StageState) => {
    if (current === stage) return;
    show(true);
    stage.startedMs ??= now();
    current = stage;
    shownMs = redraws ? Number.NEGATIVE_INFINITY : now();
  };

  return {
    event: (event) => {
      if (event.kind === 'run') {
        if (event.objects === 0) return;
        const attempt = event.attempt > 1 ? `, attempt ${event.attempt}` : '';
        line(
          `run ${event.runId}${attempt}: ${count(event.objects)} ${event.objects === 1 ? 'file' : 'files'}`,
        );
      } else if (event.kind === 'note') {
        if (event.stage !== undefined) {
          const stage = stageOf(event.stage);
          enter(stage);
          // From here on other units end, each when all of Spark's work is done.
          stage.compiled.clear();
          stage.pace = newPace();
        }
        // Who waits says so at each try; once is enough.
        if (event.text !== lastNote) line(`  ${event.text}`);
        lastNote = event.text;
      } else if (event.kind === 'stage') {
        const stage = newStage(event.stage, event.units);
        stages.set(event.stage, stage);
        // Stages of the plan are announced together; one begins with its first unit.
        if (event.stage === 'audit' || event.stage === 'publish') enter(stage);
      } else if (event.kind === 'compiled') {
        stageOf(event.stage).compiled.add(event.unit);
      } else {
        const stage = stageOf(event.stage);
        // The first unit is announced when it has ended.
        stage.startedMs ??= now() - event.elapsedMs;
        enter(stage);
        stage.done += 1;
        stage.unitEndedMs = now();
        if (event.skipped) stage.skipped += 1;
        else {
          stage.pace.ended(now(), event.elapsedMs);
          stage.rows += event.rows;
          stage.bytes += event.bytes;
        }
        if (now() - shownMs >= (redraws ? redrawMs : plainLineMs)) show(false);
      }
    },
    finish: () => {
      show(true);
      current = undefined;
      clear();
    },
  };
}

function newStage(name: string, total: number): StageState {
  return {
    name,
    total,
    startedMs: undefined,
    unitEndedMs: undefined,
    done: 0,
    skipped: 0,
    compiled: new Set(),
    rows: 0,
    bytes: 0,
    pace: newPace(),
  };
}

/** @example stageLine(stage, now, false) // '  apply     12/40 units  1,200,000 rows  85,000 rows/s  about 33 s left' */
function stageLine(stage: StageState, nowMs: number, final: boolean): string {
  // What follows a stage's last unit is the next stage's time.
  const untilMs = final ? (stage.unitEndedMs ?? nowMs) : nowMs;
  const elapsedMs = Math.max(1, untilMs - (stage.startedMs ?? untilMs));
  const parts = [`  ${stage.name.padEnd(9)}`];
  if (stage.done > 0)
    parts.push(
      `${count(stage.done)}/${count(Math.max(stage.total, stage.done))} ${stage.total === 1 ? 'unit' : 'units'}`,
    );
  if (stage.skipped > 0) parts.push(`${count(stage.skipped)} done before`);
  if (stage.rows > 0) parts.push(`${count(stage.rows)} rows`);
  if (stage.bytes > 0) parts.push(bytes(stage.bytes));
  if (stage.rows > 0) parts.push(`${count(Math.round((stage.rows * 1000) / elapsedMs))} rows/s`);
  if (final) parts.push(duration(elapsedMs));
  else {
    const leftMs = stage.pace.leftMs(stage.total - stage.done - stage.compiled.size, nowMs);
    const then = stage.compiled.size > 0 ? ', then Spark' : '';
    if (leftMs !== undefined) parts.push(`about ${duration(leftMs)} left${then}`);
  }
  return parts.join('  ');
}
