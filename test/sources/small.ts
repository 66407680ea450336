/** The least pipeline that has one column of every kind. */
export const smallPipeline = `
pipeline: small
kind: summary
columns:
  - { name: id, type: bigint }
  - { name: month, type: month }
  - { name: ver, type: bigint }
  - { name: name, type: string }
  - { name: amount, type: double }
  - { name: price, type: 'decimal(10,2)' }
  - { name: opened, type: date }
  - { name: seen, type: timestamp }
  - { name: count, type: int, sentinels: [-1, 'N/A'] }
  - { name: flag, type: boolean }
  - { name: del, type: string }
key: id
month: month
version: ver
history: [{ name: amount }]
delete: { column: del }
limits: { fieldBytes: 64 KB, expansion: 10, columns: 50, rowGroups: 100 }
acceptMonths: { from: '2000-01', to: '2099-12' }
`;

export const smallHeader = 'id,month,ver,name,amount,price,opened,seen,count,flag,del';

/** One good CSV record of the small pipeline. */
export function smallRow(id: number, change: Readonly<Record<string, string>> = {}): string {
  const row: Record<string, string> = {
    id: String(id),
    month: '2026-01',
    ver: '1',
    name: 'n',
    amount: '1.5',
    price: '2.25',
    opened: '2020-02-29',
    seen: '2026-01-31T10:00:00',
    count: '3',
    flag: 'true',
    del: '',
    ...change,
  };
  return smallHeader
    .split(',')
    .map((name) => row[name])
    .join(',');
}

export const smallCsv = (...rows: readonly string[]) => `${[smallHeader, ...rows].join('\n')}\n`;
