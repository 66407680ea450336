import type { ItemBatcher, ItemReader, MapState, ResultWriter } from './definition.ts';
import {
  choiceField,
  type Fields,
  fieldsOf,
  invalid,
  numberTemplate,
  optionalString,
  optionalTemplate,
  stringArray,
  stringField,
  unsupported,
} from './fields.ts';
import { compileTemplate, isExpression } from './jsonata.ts';
import { loadMachine } from './load.ts';
import { RETRYING, retrying, type StateSource } from './load-flow.ts';
import { isRecord } from './payload.ts';

const DISTRIBUTED_ONLY = [
  'ItemReader',
  'ItemBatcher',
  'ResultWriter',
  'ToleratedFailureCount',
  'ToleratedFailurePercentage',
  'Label',
];
const MAP = [...RETRYING, 'ItemProcessor', 'Items', 'ItemSelector', 'MaxConcurrency', ...DISTRIBUTED_ONLY];
/** Characters that AWS refuses in a label. */
const LABEL_REFUSED = /[\s?*<>{}[\]:;,\\|^~$#%&`"\p{Cc}]/u;

export function loadMap({ name, definition, path, names }: StateSource): MapState {
  const fields = fieldsOf(definition, path, MAP, ['Iterator']);
  const { mode, processor } = loadProcessor(fields['ItemProcessor'], `${path}.ItemProcessor`, names);
  if (mode === 'INLINE') {
    const misplaced = DISTRIBUTED_ONLY.find((key) => fields[key] !== undefined);
    if (misplaced !== undefined)
      throw invalid(`${path}.${misplaced}`, 'only a DISTRIBUTED Map may have this field');
  }
  if (fields['Items'] !== undefined && fields['ItemReader'] !== undefined)
    throw invalid(path, 'only one of Items and ItemReader is possible');
  return {
    type: 'Map',
    name,
    ...retrying(fields, path),
    mode,
    label: loadLabel(fields, path) ?? name,
    processor,
    items: loadItems(fields, path),
    itemReader:
      fields['ItemReader'] === undefined
        ? undefined
        : loadItemReader(fields['ItemReader'], `${path}.ItemReader`),
    itemSelector: optionalTemplate(fields, 'ItemSelector', path),
    itemBatcher:
      fields['ItemBatcher'] === undefined
        ? undefined
        : loadItemBatcher(fields['ItemBatcher'], `${path}.ItemBatcher`),
    resultWriter:
      fields['ResultWriter'] === undefined
        ? undefined
        : loadResultWriter(fields['ResultWriter'], `${path}.ResultWriter`),
    maxConcurrency: numberTemplate(fields, 'MaxConcurrency', path, { min: 0 }),
    toleratedFailureCount: numberTemplate(fields, 'ToleratedFailureCount', path, { min: 0 }),
    toleratedFailurePercentage: numberTemplate(fields, 'ToleratedFailurePercentage', path, {
      min: 0,
      max: 100,
      integer: false,
    }),
  };
}

function loadProcessor(value: unknown, path: string, names: Set<string>) {
  const fields = fieldsOf(value, path, ['ProcessorConfig', 'StartAt', 'States', 'Comment']);
  const configPath = `${path}.ProcessorConfig`;
  const config = fieldsOf(fields['ProcessorConfig'] ?? {}, configPath, ['Mode', 'ExecutionType']);
  const mode = choiceField(config, 'Mode', configPath, ['INLINE', 'DISTRIBUTED']) ?? 'INLINE';
  const executionType = choiceField(config, 'ExecutionType', configPath, ['STANDARD', 'EXPRESS']);
  if (mode === 'DISTRIBUTED' && executionType === undefined)
    throw invalid(`${configPath}.ExecutionType`, 'a DISTRIBUTED Map needs it');
  if (mode === 'INLINE' && executionType !== undefined)
    throw invalid(`${configPath}.ExecutionType`, 'only a DISTRIBUTED Map may have it');
  if (executionType === 'EXPRESS')
    throw unsupported(`${configPath}.ExecutionType`, 'EXPRESS children are not implemented');
  return { mode, processor: loadMachine(fields, path, names) } as const;
}

function loadLabel(fields: Fields, path: string): string | undefined {
  const label = optionalString(fields, 'Label', path);
  if (label !== undefined && (label.length > 40 || LABEL_REFUSED.test(label))) {
    throw invalid(`${path}.Label`, 'at most 40 characters, no white space, wildcards or brackets');
  }
  return label;
}

function loadItems(fields: Fields, path: string) {
  const items = fields['Items'];
  if (items !== undefined && !Array.isArray(items) && !isRecord(items) && !isExpression(items)) {
    throw invalid(`${path}.Items`, 'an array, an object or an expression is expected');
  }
  return optionalTemplate(fields, 'Items', path);
}

const DELIMITERS: Readonly<Record<string, string>> = {
  COMMA: ',',
  PIPE: '|',
  SEMICOLON: ';',
  SPACE: ' ',
  TAB: '\t',
};

function loadItemReader(value: unknown, path: string): ItemReader {
  const fields = fieldsOf(value, path, ['Resource', 'Arguments', 'ReaderConfig']);
  const resource = s3Action(fields, path, ['getObject', 'listObjectsV2']);
  const configPath = `${path}.ReaderConfig`;
  const config = fieldsOf(fields['ReaderConfig'] ?? {}, configPath, [
    'InputType',
    'CSVHeaderLocation',
    'CSVHeaders',
    'CSVDelimiter',
    'ItemsPointer',
    'MaxItems',
    'ManifestType',
    'Transformation',
  ]);
  if (config['Transformation'] !== undefined && config['Transformation'] !== 'NONE') {
    throw unsupported(`${configPath}.Transformation`, 'only NONE is implemented');
  }
  if (config['ManifestType'] === 'ATHENA_DATA')
    throw unsupported(`${configPath}.ManifestType`, 'only S3_INVENTORY is implemented');
  const inputType = loadInputType(config, configPath, resource);
  const csvHeaderLocation = choiceField(config, 'CSVHeaderLocation', configPath, ['FIRST_ROW', 'GIVEN']);
  if (inputType === 'CSV' && csvHeaderLocation === undefined)
    throw invalid(`${configPath}.CSVHeaderLocation`, 'CSV needs it');
  const delimiter = choiceField(config, 'CSVDelimiter', configPath, Object.keys(DELIMITERS)) ?? 'COMMA';
  return {
    resource,
    arguments: loadLocation(fields, path, resource === 'getObject' ? ['Bucket', 'Key'] : ['Bucket'], [
      'Bucket',
      resource === 'getObject' ? 'Key' : 'Prefix',
      'VersionId',
    ]),
    inputType,
    csvHeaderLocation: csvHeaderLocation ?? 'FIRST_ROW',
    csvHeaders:
      csvHeaderLocation === 'GIVEN' ? stringArray(config['CSVHeaders'], `${configPath}.CSVHeaders`) : [],
    csvDelimiter: DELIMITERS[delimiter] ?? ',',
    itemsPointer: loadPointer(config, configPath, inputType),
    maxItems: numberTemplate(config, 'MaxItems', configPath, { min: 1, max: 100_000_000 }),
  };
}

function loadInputType(config: Fields, path: string, resource: string): ItemReader['inputType'] {
  if (config['InputType'] === 'PARQUET') throw unsupported(`${path}.InputType`, 'PARQUET is not implemented');
  const declared = choiceField(config, 'InputType', path, ['JSON', 'JSONL', 'CSV', 'MANIFEST']);
  const manifest = choiceField(config, 'ManifestType', path, ['S3_INVENTORY', 'ATHENA_DATA']);
  const inputType = declared ?? (manifest === undefined ? undefined : 'MANIFEST');
  if (resource === 'getObject' && inputType === undefined)
    throw invalid(`${path}.InputType`, 'getObject needs it');
  if (resource === 'listObjectsV2' && inputType !== undefined)
    throw invalid(`${path}.InputType`, 'listObjectsV2 has none');
  return inputType;
}

function loadPointer(config: Fields, path: string, inputType: string | undefined): readonly string[] {
  const pointer = optionalString(config, 'ItemsPointer', path);
  if (pointer === undefined) return [];
  if (inputType !== 'JSON' || !pointer.startsWith('/'))
    throw invalid(`${path}.ItemsPointer`, 'a JSON pointer, for InputType JSON only');
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function loadItemBatcher(value: unknown, path: string): ItemBatcher {
  const fields = fieldsOf(value, path, ['MaxItemsPerBatch', 'MaxInputBytesPerBatch', 'BatchInput']);
  const maxItems = numberTemplate(fields, 'MaxItemsPerBatch', path, { min: 1 });
  const maxBytes = numberTemplate(fields, 'MaxInputBytesPerBatch', path, { min: 1, max: 262_144 });
  if (maxItems === undefined && maxBytes === undefined)
    throw invalid(path, 'MaxItemsPerBatch or MaxInputBytesPerBatch is needed');
  return { maxItems, maxBytes, batchInput: optionalTemplate(fields, 'BatchInput', path) };
}

function loadResultWriter(value: unknown, path: string): ResultWriter {
  const fields = fieldsOf(value, path, ['Resource', 'Arguments', 'WriterConfig']);
  const exported = fields['Resource'] !== undefined;
  if (exported) s3Action(fields, path, ['putObject']);
  if (!exported && fields['Arguments'] !== undefined) throw invalid(`${path}.Resource`, 'Arguments need it');
  if (!exported && fields['WriterConfig'] === undefined) throw invalid(path, 'it must not be empty');
  const configPath = `${path}.WriterConfig`;
  if (!exported && isRecord(fields['WriterConfig']) && fields['WriterConfig']['OutputType'] === 'JSONL') {
    throw unsupported(`${configPath}.OutputType`, 'JSONL is implemented for exported results only');
  }
  const config = fieldsOf(fields['WriterConfig'] ?? {}, configPath, ['Transformation', 'OutputType']);
  return {
    arguments: exported ? loadLocation(fields, path, ['Bucket'], ['Bucket', 'Prefix']) : undefined,
    transformation:
      choiceField(config, 'Transformation', configPath, ['NONE', 'COMPACT', 'FLATTEN']) ?? 'NONE',
    outputType: choiceField(config, 'OutputType', configPath, ['JSON', 'JSONL']) ?? 'JSON',
  };
}

function loadLocation(fields: Fields, path: string, needed: readonly string[], allowed: readonly string[]) {
  const value = fields['Arguments'];
  if (!isExpression(value)) {
    const location = fieldsOf(value, `${path}.Arguments`, allowed);
    for (const key of needed) stringField(location, key, `${path}.Arguments`);
  }
  return compileTemplate(value, `${path}.Arguments`);
}

function s3Action<T extends string>(fields: Fields, path: string, actions: readonly T[]): T {
  const resource = stringField(fields, 'Resource', path);
  const action = actions.find(
    (candidate) => /^arn:[a-z-]+:states:::s3:/.test(resource) && resource.endsWith(`:${candidate}`),
  );
  if (action === undefined)
    throw unsupported(`${path}.Resource`, `arn:aws:states:::s3:${actions.join(' or ')} is expected`);
  return action;
}
