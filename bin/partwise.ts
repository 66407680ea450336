import { enableCompileCache } from 'node:module';

// The cache halves the start-up time, so nothing else may be imported before it is on.
enableCompileCache();

const { checkNodeVersion, runProcess } = await import('../lib/cli/process.ts');
if (checkNodeVersion()) await runProcess();
