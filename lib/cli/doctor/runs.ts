import { readdir } from 'node:fs/promises';
import { instant, plural } from '../../report/format.ts';
import { leaseName } from '../../run/intake/claim.ts';
import type { World } from '../../run/workload.ts';
import type { RunRecord } from '../../stores/ports.ts';
import { nextStep } from '../next-step.ts';
import { isUnfinished } from '../session.ts';
import { checkBranches } from './branches.ts';
import type { Finding } from './finding.ts';

/** Unfinished runs, leases, files that wait and folders that dead processes left. */
export async function checkRuns(world: World): Promise<readonly Finding[]> {
  const runs = await world.state.runs.list(undefined, Number.MAX_SAFE_INTEGER);
  const pipelines = [...new Set(runs.map((run) => run.pipeline))].sort();
  const findings: Finding[] = [];
  for (const pipeline of pipelines) findings.push(...(await checkPipeline(world, pipeline, runs)));
  return [...findings, await checkWorkFolder(world, runs)];
}

async function checkPipeline(
  world: World,
  pipeline: string,
  runs: readonly RunRecord[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const lease = await world.state.leases.current(leaseName(pipeline));
  const live = lease !== undefined && lease.expiresMs > world.clock.now();
  const open = runs.filter((run) => run.pipeline === pipeline && isUnfinished(run));
  for (const run of open) {
    if (live && lease.holder === run.runId) {
      findings.push({ status: 'ok', name: 'run', detail: `${run.runId} is ${run.status} now` });
    } else {
      const error = run.error === undefined ? '' : `: ${run.error.name}`;
      findings.push({
        status: 'look',
        name: 'run',
        detail: `${run.runId} is unfinished (${run.status}${error})`,
        next: nextStep(run, 'doctor'),
      });
    }
  }
  if (open.length === 0)
    findings.push({ status: 'ok', name: 'runs', detail: `${pipeline}: none unfinished` });
  if (lease !== undefined && !live) {
    findings.push({
      status: 'ok',
      name: 'lease',
      detail: `${lease.name}: left by ${lease.holder}, lapsed ${instant(lease.expiresMs)}; the next run takes it over`,
    });
  }
  findings.push(...(await checkBranches(world, pipeline, runs)));
  const pending = await countItems(world, pipeline, 'pending');
  const quarantined = await countItems(world, pipeline, 'quarantined');
  if (pending > 0)
    findings.push({
      status: 'look',
      name: 'intake',
      detail: `${pipeline}: ${plural(pending, 'file waits', 'files wait')}`,
      next: 'partwise run',
    });
  else findings.push({ status: 'ok', name: 'intake', detail: `${pipeline}: nothing waits` });
  if (quarantined > 0) {
    findings.push({
      status: 'look',
      name: 'quarantine',
      detail: `${pipeline}: ${plural(quarantined, 'file was', 'files were')} refused; partwise status says why`,
    });
  }
  return findings;
}

async function countItems(
  world: World,
  pipeline: string,
  status: 'pending' | 'quarantined',
): Promise<number> {
  let found = 0;
  for await (const _ of world.state.intake.list(pipeline, { status })) found += 1;
  return found;
}

async function checkWorkFolder(world: World, runs: readonly RunRecord[]): Promise<Finding> {
  const folders = await readdir(world.workRoot).catch(() => []);
  const running = new Set(runs.filter(isUnfinished).map((run) => run.runId));
  const left = folders.filter((folder) => !running.has(folder));
  if (left.length === 0) return { status: 'ok', name: 'work folder', detail: 'clean' };
  return {
    status: 'ok',
    name: 'work folder',
    detail: `${plural(left.length, 'folder')} of ended commands in ${world.workRoot}; safe to remove when nothing runs`,
  };
}
