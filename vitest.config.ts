import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { inOwnFolder } from './test/support/own-folder.ts';
import { quickJava } from './test/support/quick-java.ts';

/** Workers, and what they start, load the project's modules compiled: each test file has a worker of its own. */
const compiled = { NODE_COMPILE_CACHE: resolve(import.meta.dirname, 'node_modules/.cache/compiled') };

/** One project per suite: `unit` needs npm packages only, the others set up what they need themselves. */
export default defineConfig({
  test: {
    // The default leaves a core idle, which is half of a small machine.
    maxWorkers: 2,
    reporters: ['default', './test/support/no-skips.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/aws/**', 'test/engines/**', 'test/faults/**', 'test/structure/**'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          env: { ...compiled, ...inOwnFolder() },
        },
      },
      { test: { name: 'structure', include: ['test/structure/**/*.test.ts'] } },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          env: { ...compiled, ...inOwnFolder() },
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'aws',
          include: ['test/aws/**/*.test.ts'],
          globalSetup: ['test/aws/global-setup.ts'],
          env: { ...compiled, ...inOwnFolder(), ...quickJava },
          // Pipelines of one name are deployed to the same stand-ins.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'engines',
          include: ['test/engines/**/*.test.ts'],
          globalSetup: ['test/engines/global-setup.ts'],
          env: { ...compiled, ...inOwnFolder(), ...quickJava },
          testTimeout: 1_200_000,
          hookTimeout: 600_000,
          // One worker for all files: the processes of Spark, one each for reading and for units, stay with it.
          isolate: false,
          fileParallelism: false,
        },
      },
    ],
  },
});
