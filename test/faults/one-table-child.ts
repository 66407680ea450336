import { readFileSync } from 'node:fs';
import { openProduct } from '../summary/product.ts';
import { oneTableAtATime } from './one-table.ts';

/** Runs or resumes over a catalog that swaps one table at a time; ends where PARTWISE_KILL_AT says. */
const [root = '', settings = '', runId] = process.argv.slice(2);
const { shape, document } = JSON.parse(readFileSync(settings, 'utf8'));
await using product = await openProduct({ shape, document, root, wrapCatalog: oneTableAtATime });
const outcome = runId === undefined ? await product.run() : await product.resume(runId);
if (outcome.run?.status !== 'succeeded') throw new Error(JSON.stringify(outcome.run?.error));
