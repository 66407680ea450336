import { createHash } from 'node:crypto';

/**
 * SHA-256 (hex) of a configuration with every default filled in: equal for two files that mean the same, whatever
 * their layout, key order and comments. A plan carries it and is stale when it changes. How a pipeline is deployed
 * (`aws`) changes no row, so it is left out.
 */
export function configDigest(config: unknown): string {
  const { aws: _, ...meaning } = { ...(config as Readonly<Record<string, unknown>>) };
  return createHash('sha256').update(canonicalJson(meaning)).digest('hex');
}

/** JSON with object keys in code-unit order and without undefined entries. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
