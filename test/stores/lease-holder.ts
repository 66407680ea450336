import { openSqliteState } from '../../lib/stores/sqlite/state.ts';

/** A process that takes the lease `p` as `run-1` for an hour, says so and waits to be killed. */
const [, , path = ''] = process.argv;
const state = await openSqliteState({ path, clock: { now: () => Date.now() } });
const { epoch } = await state.leases.acquire('p', 'run-1', 3_600_000);
process.stdout.write(`held ${epoch}\n`);
setInterval(() => undefined, 1_000);
