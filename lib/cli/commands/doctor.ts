import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';
import type { Finding } from '../doctor/finding.ts';
import { checkMachine } from '../doctor/machine.ts';
import { checkFit } from '../doctor/pipeline.ts';
import { checkRuns } from '../doctor/runs.ts';
import { checkTables } from '../doctor/tables.ts';
import { failureOf } from '../failure.ts';
import { loadChosenPipeline, rootFolder } from '../pipeline.ts';
import { openSession } from '../session.ts';

export const doctor: CommandHandler = async (context) => {
  const { output } = context;
  const { style } = output;
  const findings: Finding[] = [];
  const add = (found: readonly Finding[]) => {
    findings.push(...found);
    for (const { status, name, detail, next } of found) {
      const mark =
        status === 'ok'
          ? style.green('ok   ')
          : status === 'look'
            ? style.yellow('look ')
            : style.red('wrong');
      output.line(`${mark}  ${name.padEnd(12)} ${detail}`);
      if (next !== undefined) output.line(`${' '.repeat(20)}next   ${output.command(next)}`);
    }
  };
  const root = rootFolder(context);
  add(await checkMachine(root));
  const loaded = await loadChosenPipeline(context).catch((error: unknown) => failureOf(error));
  if ('exitCode' in loaded) {
    const status = loaded.name === UsageError.name ? 'look' : 'wrong';
    add([
      {
        status,
        name: 'pipeline',
        detail: loaded.message,
        ...(loaded.next === undefined ? {} : { next: loaded.next }),
      },
    ]);
  } else add([{ status: 'ok', name: 'pipeline', detail: `${loaded.config.pipeline} in ${loaded.path}` }]);

  const made = await isThere(join(root, 'state.db'));
  if (made) {
    await using session = await openSession(context);
    add(await checkTables(session.world));
    if (!('exitCode' in loaded)) add(await checkFit(session.world, loaded.config));
    add(await checkRuns(session.world));
  } else if (await isThere(join(root, 'catalog.db')))
    add([
      {
        status: 'wrong',
        name: 'state',
        detail: `${join(root, 'state.db')} is gone, the tables are there: runs, and which files are applied, are forgotten`,
        next: 'restore state.db from a backup; without it a run starts a new one, and records that are stored change nothing',
      },
    ]);
  else
    add([{ status: 'look', name: 'warehouse', detail: `nothing in ${root} yet`, next: 'partwise run FILE' }]);

  const wrong = findings.filter((finding) => finding.status === 'wrong').length;
  const look = findings.filter((finding) => finding.status === 'look').length;
  output.line(
    wrong > 0
      ? `${wrong} wrong, ${look} to look at`
      : look > 0
        ? `nothing wrong, ${look} to look at`
        : 'all is well',
  );
  output.document({ findings, exitCode: wrong > 0 ? 1 : 0 });
  return wrong > 0 ? 1 : 0;
};

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
