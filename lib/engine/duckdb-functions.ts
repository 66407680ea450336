import {
  BIGINT,
  BLOB,
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBScalarFunction,
  INTEGER,
} from '@duckdb/node-api';
import { murmur3 } from './murmur3.ts';

/**
 * Functions that every session has besides DuckDB's own:
 * - `pw_murmur3_text(VARCHAR) -> INTEGER`, `pw_murmur3_long(BIGINT) -> INTEGER`: Iceberg's 32-bit hash
 * - `pw_bucket_text(value, n)`, `pw_bucket_long(value, n)`: Iceberg's bucket transform
 */
export async function registerFunctions(connection: DuckDBConnection): Promise<void> {
  const long = new DataView(new ArrayBuffer(8));
  const longBytes = new Uint8Array(long.buffer);

  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: 'pw_murmur3_bytes',
      parameterTypes: [BLOB],
      returnType: INTEGER,
      mainFunction: (_info, input, output) => {
        const values = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row += 1) {
          const value = values.getItem(row);
          output.setItem(row, value instanceof DuckDBBlobValue ? murmur3(value.bytes) : null);
        }
        output.flush();
      },
    }),
  );
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: 'pw_murmur3_long',
      parameterTypes: [BIGINT],
      returnType: INTEGER,
      mainFunction: (_info, input, output) => {
        const values = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row += 1) {
          const value = values.getItem(row);
          if (typeof value !== 'bigint') {
            output.setItem(row, null);
            continue;
          }
          long.setBigInt64(0, value, true);
          output.setItem(row, murmur3(longBytes));
        }
        output.flush();
      },
    }),
  );
  // As bytes: text that is handed to JavaScript loses a leading byte-order mark.
  await connection.run('CREATE MACRO pw_murmur3_text(v) AS pw_murmur3_bytes(encode(v))');
  await connection.run('CREATE MACRO pw_bucket_text(v, n) AS (pw_murmur3_text(v) & 2147483647) % n');
  await connection.run('CREATE MACRO pw_bucket_long(v, n) AS (pw_murmur3_long(v) & 2147483647) % n');
}
