import { mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { EngineSession } from '../engine/engine.ts';
import { text } from '../engine/sql.ts';
import { copyOptions } from './copy-options.ts';
import type { DemoDrop, DemoFile } from './drops.ts';
import { records } from './records.ts';

/** Writes a drop's files into the folder and returns their paths. The session must hold the macros. */
export async function writeDrop(
  session: EngineSession,
  drop: DemoDrop,
  folder: string,
): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (const file of drop.files) paths.push(await writeFileOf(session, file, folder));
  return paths;
}

async function writeFileOf(session: EngineSession, file: DemoFile, folder: string): Promise<string> {
  const path = join(folder, file.name);
  const select = file.records.map((one) => `SELECT * FROM (${records(one)})`).join(' UNION ALL ');
  // The order of the rows is part of the bytes.
  const ordered = `SELECT * FROM (${select}) ORDER BY updated_at, month, account_id`;
  await session.execute(`COPY (${ordered}) TO ${text(path)} (${copyOptions(file.name)})`);
  if (file.badLines !== undefined) await insertLines(path, file.badLines);
  if (file.truncate === true) await truncate(path, Math.floor((await stat(path)).size / 2));
  return path;
}

/** Spreads the lines over the file, after its header. */
async function insertLines(path: string, extra: readonly string[]): Promise<void> {
  const zipped = path.endsWith('.gz');
  const bytes = await readFile(path);
  const lines = (zipped ? gunzipSync(bytes) : bytes).toString('utf8').trimEnd().split('\n');
  const step = Math.max(1, Math.floor(lines.length / (extra.length + 1)));
  extra.forEach((line, index) => {
    lines.splice((index + 1) * step + index, 0, line);
  });
  const joined = `${lines.join('\n')}\n`;
  await writeFile(path, zipped ? gzipSync(joined) : joined);
}
