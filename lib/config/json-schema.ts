import { z } from 'zod';
import { pipelineSchema } from './schema.ts';

/** JSON Schema of a pipeline file, for editors: defaults are optional, unknown keys refused. */
export function jsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(pipelineSchema, { io: 'input', target: 'draft-7' });
  return { $schema, title: 'Partwise pipeline', ...schema };
}

/** The text of `docs/schema/pipeline.schema.json`. */
export function jsonSchemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}
