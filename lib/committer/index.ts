export { openJob, resumeJob } from './job.ts';
export { readCommitted } from './read.ts';
export { reapJobs } from './reap.ts';
export type * from './types.ts';
