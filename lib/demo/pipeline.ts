/** The demo's pipeline. `schemaPath`: the JSON Schema as seen from where the file is written, for editors. */
export function demoPipeline(schemaPath: string): string {
  return `# yaml-language-server: $schema=${schemaPath}
# Monthly account records with six history columns; made by the demo.
pipeline: accounts
kind: summary

columns:
  - { name: account_id, type: bigint }
  - { name: month, type: month }
  - { name: updated_at, type: timestamp }
  - { name: product, type: string }
  - { name: balance, type: bigint, sentinels: [-1] }
  - { name: credit_limit, type: bigint }
  - { name: payment, type: bigint }
  - { name: past_due, type: bigint }
  - { name: days_past_due, type: int }
  - { name: rating, type: string }
  - { name: delete_code, type: string }

key: account_id
month: month
version: updated_at

history:
  - { name: balance }
  - { name: credit_limit }
  - { name: payment }
  - { name: past_due }
  - { name: days_past_due }
  - { name: rating }

# All ratings as one text, newest first, ? where nothing is known.
grids:
  - { name: rating_grid, from: rating }

# Keys that the audit recomputes by other code before each publish; by default 10,000.
audit:
  sampleSize: 1000

delete:
  column: delete_code
  codes: ['1', '4']
`;
}
