import { defineConfig } from 'vitest/config';
import { inMemory } from './test/support/in-memory.ts';

/** Spark's runs in tests are over before its code would pay for being compiled well: half of their time went there. */
const quickJava = { JAVA_TOOL_OPTIONS: '-XX:TieredStopAtLevel=1' };

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
          env: inMemory(),
        },
      },
      { test: { name: 'structure', include: ['test/structure/**/*.test.ts'] } },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          env: inMemory(),
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'aws',
          include: ['test/aws/**/*.test.ts'],
          globalSetup: ['test/aws/global-setup.ts'],
          env: quickJava,
          // Pipelines of one name are deployed to the same stand-ins.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'engines',
          include: ['test/engines/**/*.test.ts'],
          env: quickJava,
          testTimeout: 1_200_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
