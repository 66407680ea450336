import { expect, test } from 'vitest';
import { expectOracle, rollUpTo } from './checks.ts';
import { openRollup } from './product.ts';
import { threeBatches } from './scenario.ts';

test('open points that the engine gives in another order than they lie in are written sorted all the same', async () => {
  let reversed = 0;
  await using product = await openRollup({
    rules: threeBatches.rules,
    engine: (engine) => ({
      open: async (options) => {
        const session = await engine.open(options);
        return {
          ...session,
          writeParquet: (written) => {
            const isUnsorted =
              written.path.endsWith('/hot.parquet') && !/ORDER BY id, ts$/.test(written.select);
            if (isUnsorted) reversed += 1;
            return session.writeParquet(
              isUnsorted
                ? { ...written, select: `SELECT * FROM (${written.select}) ORDER BY id DESC, ts DESC` }
                : written,
            );
          },
        };
      },
    }),
  });
  await rollUpTo(product, threeBatches.batches);
  expect(reversed).toBeGreaterThan(0);
  await expectOracle(product, threeBatches.batches);
});
