import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { modelledStages } from '../lib/engine/engine-model.ts';
import { readMeasurements } from './engine-measurements.ts';
import { reportEngines } from './engine-report.ts';
import { fitModel } from './fit-model.ts';

/** Makes the router's model of the measurements: `npm exec -- node bench/fit-engines.ts [measurements.json]`. */

const modelPath = fileURLToPath(new URL('../lib/engine/engine-model.json', import.meta.url));

const measured = await readMeasurements(process.argv[2]);
const absent = modelledStages.filter(
  (stage) =>
    !(['duckdb', 'spark'] as const).every((engine) =>
      measured.units.some((unit) => unit.stage === stage && unit.engine === engine),
    ),
);
if (absent.length > 0) throw new Error(`not measured by both engines: ${absent.join(', ')}`);
writeFileSync(modelPath, `${JSON.stringify(fitModel(measured), null, 2)}\n`);
reportEngines(measured);
