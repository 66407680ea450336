import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { localCatalogName } from '../../lib/run/local.ts';
import { isSetUp, jarsFolder, pythonPath } from './setup.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The other engines on one warehouse: Spark stays up between the questions. */
export interface Engines extends AsyncDisposable {
  spark(sql: string): Promise<readonly Row[]>;
  pyiceberg(
    table: string,
    options?: { readonly filter?: string; readonly ref?: string },
  ): Promise<readonly Row[]>;
  pyicebergAppend(table: string, filter: string): Promise<void>;
  pyicebergTables(namespace: string): Promise<readonly unknown[]>;
  duckdb(sql: string): Promise<readonly Row[]>;
}

/** The engines on a root folder of the product. @throws when they have not been set up */
export function enginesOn(root: string): Engines {
  return startEngines({
    catalogPath: join(root, 'catalog.db'),
    warehousePath: join(root, 'warehouse'),
    catalogName: localCatalogName,
  });
}

/** @throws when the engines have not been set up */
export function startEngines(options: {
  readonly catalogPath: string;
  readonly warehousePath: string;
  /** Name of the catalog in its own rows; default `local`. */
  readonly catalogName?: string;
}): Engines {
  if (!isSetUp()) throw new Error('the engines are not set up: run `npm run test:engines`, which does it');
  const child = spawn(pythonPath, [join(import.meta.dirname, 'driver.py')], {
    env: {
      ...process.env,
      TZ: 'UTC',
      ENGINE_JARS: jarsFolder,
      ENGINE_CATALOG: options.catalogPath,
      ENGINE_CATALOG_NAME: options.catalogName ?? 'local',
      ENGINE_WAREHOUSE: `file://${options.warehousePath}`,
      SPARK_LOCAL_IP: '127.0.0.1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = `${stderr}${chunk.toString()}`.slice(-8_000);
  });
  const exited = new Promise<number | null>((resolveExit) => {
    child.once('exit', resolveExit);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let turn: Promise<unknown> = Promise.resolve();

  async function exchange(request: Row): Promise<readonly Row[]> {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`the engine process ended: ${stderr}`);
    const reply = JSON.parse(value) as { readonly rows?: readonly Row[]; readonly error?: string };
    if (reply.rows === undefined)
      throw new Error(`${String(request['engine'])}: ${reply.error}\nfor ${JSON.stringify(request)}`);
    return reply.rows;
  }

  /** One question at a time: answers come back in the order of the questions. */
  function ask(request: Row): Promise<readonly Row[]> {
    const answer = turn.then(() => exchange(request));
    turn = answer.catch(() => undefined);
    return answer;
  }

  return {
    spark: (sql) => ask({ engine: 'spark', sql }),
    pyiceberg: (table, scan = {}) => ask({ engine: 'pyiceberg', table, ...scan }),
    pyicebergAppend: async (table, filter) => {
      await ask({ engine: 'pyiceberg-append', table, filter });
    },
    pyicebergTables: (namespace) => ask({ engine: 'pyiceberg-tables', namespace }),
    duckdb: (sql) => ask({ engine: 'duckdb', sql }),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}
