import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import type { EngineSession, FieldIdTree } from '../../lib/engine/engine.ts';
import { checkFooter } from '../../lib/iceberg/index.ts';
import type { DataFile, Schema } from '../../lib/iceberg/types.ts';
import { fieldIds } from '../../lib/run/field-ids.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import type { ObjectStore } from '../../lib/stores/ports.ts';

const schema: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', type: 'long', required: true },
    { id: 2, name: 'small', type: 'decimal(5,2)', required: false },
    { id: 3, name: 'big', type: 'decimal(30,4)', required: false },
    { id: 4, name: 'at', type: 'timestamp', required: false },
    { id: 5, name: 'day', type: 'date', required: false },
    { id: 6, name: 'note', type: 'string', required: false },
    { id: 7, name: 'd', type: 'double', required: false },
    { id: 8, name: 'b', type: 'boolean', required: false },
    {
      id: 9,
      name: 'l',
      type: { type: 'list', elementId: 10, element: 'int', elementRequired: false },
      required: false,
    },
  ],
};
const columns: Readonly<Record<string, string>> = {
  id: '1::BIGINT',
  small: '1.5::DECIMAL(5,2)',
  big: '1.5::DECIMAL(30,4)',
  at: "'2026-01-01'::TIMESTAMP",
  day: "'2026-01-01'::DATE",
  note: "'x'::VARCHAR",
  d: '1::DOUBLE',
  b: 'true',
  l: '[1, NULL]::INTEGER[]',
};

let folder = '';
let session: EngineSession;
let store: ObjectStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-footer-'));
  session = await openDuckDb({ memoryBytes: 2 ** 27, threads: 1, workFolder: `${folder}/session` });
  store = await openDirectoryStore({ path: `${folder}/root` });
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let written = 0;

async function check(
  changes: Readonly<Record<string, string>>,
  ids: FieldIdTree = fieldIds(schema),
  rows = 1,
): Promise<void> {
  const select = Object.entries({ ...columns, ...changes }).map(([name, value]) => `${value} AS ${name}`);
  written += 1;
  const path = `${session.workFolder}/${written}.parquet`;
  const [made] = await session.writeParquet({ select: `SELECT ${select.join(', ')}`, path, fieldIds: ids });
  const location = joinLocation(store.root, `${written}.parquet`);
  await store.adopt(path, location);
  const file: DataFile = {
    content: 'data',
    location,
    format: 'parquet',
    specId: 0,
    partition: [],
    rows,
    sizeBytes: made?.sizeBytes ?? 0,
  };
  await checkFooter({ store, file, location, schema });
}

describe('the footer of a file that another engine wrote', () => {
  it('is what the schema says', async () => {
    await check({});
  });

  it.each([
    [{ id: '1::INTEGER' }, /lacks 1 id int64.*has 1 id int32/],
    [{ small: '1.5::DECIMAL(6,2)' }, /lacks 2 small decimal\(5,2\).*has 2 small decimal\(6,2\)/],
    [{ big: '1.5::DOUBLE' }, /has 3 big double/],
    [{ at: "'2026-01-01'::TIMESTAMPTZ" }, /has 4 at timestamp-micros-utc/],
    [{ at: "'2026-01-01'::TIMESTAMP_MS" }, /has 4 at timestamp-millis/],
    [{ l: '[1, NULL]::BIGINT[]' }, /has 10 l\.element int64/],
  ])('is refused for a column of another type: %j', async (changes, message) => {
    await expect(check(changes)).rejects.toThrow(message);
  });

  it('is refused for a list whose elements have no id, as readers would refuse it', async () => {
    await expect(check({}, { ...fieldIds(schema), l: 9 })).rejects.toThrow(
      /lacks 10 l\.element int32; has no id l\.element int32/,
    );
  });

  it('is refused for ids of other columns', async () => {
    await expect(check({}, { ...fieldIds(schema), d: 8, b: 7 })).rejects.toThrow(
      /has 8 d double; has 7 b boolean/,
    );
  });

  it('is refused for another number of rows', async () => {
    await expect(check({}, fieldIds(schema), 2)).rejects.toThrow(/holds 1 rows instead of 2/);
  });
});
