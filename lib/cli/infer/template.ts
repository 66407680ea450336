/** A pipeline to edit by hand, for when there is no file to infer it from. */
export function templateText(name: string, schemaPath: string): string {
  return `# yaml-language-server: $schema=${schemaPath}
# Edit the columns to fit your files; all that can be set: docs/configuration.md
pipeline: ${JSON.stringify(name)}
kind: summary

# Columns of the tables, in their order. \`from\` is the name in the files, when it differs.
columns:
  - { name: account_id, type: bigint }
  - { name: month, from: reporting_month, type: month }
  - { name: updated_at, type: timestamp }
  - { name: balance, type: 'decimal(18,2)', sentinels: [-1] }
  - { name: status, type: string }

key: account_id
month: month
# Of two records for one key and month, the one with the higher version wins.
version: updated_at

# Each gets an array <name>_history: position 0 is the row's own month, position i is i months earlier.
history:
  - { name: balance }
  - { name: status }
historyLength: 36
`;
}
