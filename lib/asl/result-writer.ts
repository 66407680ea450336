import type { ResultWriter } from './definition.ts';
import { ErrorName, StateFailure } from './errors.ts';
import { isRecord } from './payload.ts';
import type { Json, ObjectAccess, ResultFile } from './types.ts';

/** What a Map child left: the element of a result file when nothing is transformed. */
export interface ChildResult {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'PENDING';
  readonly output: Json | undefined;
  /** The child's execution as the service describes it. */
  readonly execution: () => { readonly [key: string]: Json };
}

export interface ResultExport {
  /** @throws StateFailure States.ResultWriterFailed */
  add(result: ChildResult): Promise<void>;
  /** Writes what is left and the manifest; returns the state's result. @throws StateFailure States.ResultWriterFailed */
  finish(): Promise<Json>;
  files(): readonly ResultFile[];
}

export interface ExportOptions {
  readonly writer: ResultWriter;
  readonly location: Json;
  readonly objects: ObjectAccess;
  readonly mapRunArn: string;
  /** Files of earlier attempts of the Map Run. */
  readonly earlier: readonly ResultFile[];
}

/** A result file is written when its elements have this many bytes. */
const FILE_BYTES = 4 * 1024 * 1024;

/** The elements that a child's result gives: FLATTEN spreads arrays; a failure is described in full whatever is asked. */
export function transformed(
  { transformation }: Pick<ResultWriter, 'transformation'>,
  result: ChildResult,
): readonly Json[] {
  if (transformation === 'NONE' || result.status !== 'SUCCEEDED') return [result.execution()];
  const output = result.output ?? null;
  return transformation === 'FLATTEN' && Array.isArray(output) ? output : [output];
}

/** Streams results to `<prefix>/<map run>/SUCCEEDED_0.json`, …, then writes manifest.json. Holds one file per status at most. */
export function createResultExport({
  writer,
  location,
  objects,
  mapRunArn,
  earlier,
}: ExportOptions): ResultExport {
  const { bucket, folder } = exportLocation(location, mapRunArn);
  const kept = earlier.filter((file) => file.status === 'SUCCEEDED');
  const written: ResultFile[] = [...kept];
  const open = new Map<ChildResult['status'], { lines: string[]; bytes: number }>();
  let turn: Promise<void> = Promise.resolve();

  const put = async (key: string, text: string): Promise<number> => {
    const body = Buffer.from(text);
    try {
      await objects.putObject(bucket, key, body);
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new StateFailure(ErrorName.ResultWriterFailed, `s3://${bucket}/${key}: ${reason}`, thrown);
    }
    return body.length;
  };
  const flush = async (status: ChildResult['status']): Promise<void> => {
    const lines = open.get(status)?.lines ?? [];
    open.delete(status);
    if (lines.length === 0) return;
    const number = written.filter((file) => file.status === status).length;
    const [text, ending] =
      writer.outputType === 'JSON' ? [`[${lines.join(',')}]`, 'json'] : [`${lines.join('\n')}\n`, 'jsonl'];
    const key = `${folder}/${status}_${number}.${ending}`;
    written.push({ status, key, sizeBytes: await put(key, text) });
  };
  /** Writes happen one after the other, so that file numbers have no gaps. */
  const inTurn = (step: () => Promise<void>): Promise<void> => {
    turn = turn.then(step);
    turn.catch(() => {});
    return turn;
  };

  return {
    async add(result) {
      const file = open.get(result.status) ?? { lines: [], bytes: 0 };
      open.set(result.status, file);
      for (const element of transformed(writer, result)) {
        const line = JSON.stringify(element);
        file.lines.push(line);
        file.bytes += line.length;
      }
      if (file.bytes >= FILE_BYTES) await inTurn(() => flush(result.status));
    },
    async finish() {
      for (const status of ['SUCCEEDED', 'FAILED', 'PENDING'] as const) await inTurn(() => flush(status));
      const listed = (status: ChildResult['status']): Json =>
        written
          .filter((file) => file.status === status)
          .map((file) => ({ Key: file.key, Size: file.sizeBytes }));
      const key = `${folder}/manifest.json`;
      const manifest: Json = {
        DestinationBucket: bucket,
        MapRunArn: mapRunArn,
        ResultFiles: { FAILED: listed('FAILED'), PENDING: listed('PENDING'), SUCCEEDED: listed('SUCCEEDED') },
      };
      await put(key, JSON.stringify(manifest));
      return { MapRunArn: mapRunArn, ResultWriterDetails: { Bucket: bucket, Key: key } };
    },
    files: () => written,
  };
}

function exportLocation(
  value: Json,
  mapRunArn: string,
): { readonly bucket: string; readonly folder: string } {
  const { Bucket: bucket, Prefix: prefix = '' } = isRecord(value) ? value : {};
  if (typeof bucket !== 'string' || typeof prefix !== 'string') {
    throw new StateFailure(
      ErrorName.ResultWriterFailed,
      'Arguments.Bucket and Arguments.Prefix must be strings',
    );
  }
  const run = mapRunArn.slice(mapRunArn.lastIndexOf(':') + 1);
  return { bucket, folder: prefix === '' ? run : `${prefix.replace(/\/$/, '')}/${run}` };
}
