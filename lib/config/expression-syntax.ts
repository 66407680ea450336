import { nearest } from './names.ts';
import { sharedCastTypes, sharedFunctions, sharedOperators, sharedOperatorTypes } from './sql-functions.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const functions = new Set(sharedFunctions);

/** Why the text cannot be an expression that both engines read alike; undefined when nothing speaks against it. */
export function refuseText(sql: string): string | undefined {
  const outside = sql.replaceAll(/'(?:[^']|'')*'/g, (literal) => (literal.includes('\\') ? '\\' : ' '));
  if (sql.includes('\0')) return 'NUL is not allowed';
  if (outside.includes("'")) return 'a text literal is not closed';
  if (outside.includes('\\'))
    return 'a backslash in a text literal is an escape in Spark and a character in DuckDB';
  if (outside.includes('"'))
    return 'double quotes are names in DuckDB and text in Spark; column names are written without quotes';
  if (/\b(?:[bex]|u&)'/i.test(sql.replaceAll(/'(?:[^']|'')*'/g, "'")))
    return 'a letter before a text literal is not allowed';
  if (/[A-Za-z_]\w*\s*\.\s*[A-Za-z_]/.test(outside)) return 'names are written without a table or a schema';
  if (/--|\/\*/.test(outside)) return 'comments are not allowed';
  if (/[;$`?@#{}[\]]/.test(outside)) return `${/[;$`?@#{}[\]]/.exec(outside)?.[0]} is not allowed`;
  return undefined;
}

/**
 * Problems of the parsed statement `SELECT <expression>` as DuckDB's `json_serialize_sql` gives it. Names are held
 * against the columns here, since the engine takes some that are none (`current_timestamp`) for functions.
 */
export function refuseSyntax(serialised: string, columns: readonly string[]): readonly string[] {
  const parsed = JSON.parse(serialised) as JsonObject;
  if (parsed['error'] === true) return [String(parsed['error_message'])];
  const statements = list(parsed['statements']);
  const node = object(object(statements[0])['node']);
  const selected = list(node['select_list']);
  const single =
    statements.length === 1 &&
    node['type'] === 'SELECT_NODE' &&
    selected.length === 1 &&
    object(node['from_table'])['type'] === 'EMPTY' &&
    list(node['modifiers']).length === 0 &&
    list(object(node['cte_map'])['map']).length === 0 &&
    list(node['group_expressions']).length === 0 &&
    ['where_clause', 'having', 'sample', 'qualify'].every((clause) => (node[clause] ?? null) === null) &&
    object(selected[0])['alias'] === '';
  if (!single) return ['must be one expression, without FROM, WHERE, AS and the like'];
  return [...new Set(refuseExpression(object(selected[0]), columns))];
}

function refuseExpression(expression: JsonObject, columns: readonly string[]): readonly string[] {
  const kind = String(expression['class']);
  const children = () => nested(expression).flatMap((child) => refuseExpression(child, columns));
  switch (kind) {
    case 'COLUMN_REF':
      return refuseColumn(list(expression['column_names']).map(String), columns);
    case 'CONSTANT':
      return [];
    case 'CASE':
    case 'COMPARISON':
    case 'CONJUNCTION':
    case 'BETWEEN':
      return children();
    case 'CAST': {
      const type = String(object(expression['cast_type'])['id']);
      return [
        ...(sharedCastTypes.has(type) ? [] : [`CAST to ${type} is not shared by DuckDB and Spark`]),
        ...children(),
      ];
    }
    case 'OPERATOR':
      return [
        ...(sharedOperatorTypes.has(String(expression['type']))
          ? []
          : [`${expression['type']} is not shared by DuckDB and Spark`]),
        ...children(),
      ];
    case 'FUNCTION':
      return [...refuseFunction(expression), ...children()];
    case 'SUBQUERY':
      return ['subqueries are not allowed'];
    case 'WINDOW':
      return ['window functions are not allowed'];
    default:
      return [`${kind.toLowerCase()} expressions are not allowed`];
  }
}

function refuseColumn(parts: readonly string[], columns: readonly string[]): readonly string[] {
  const [name = ''] = parts;
  if (parts.length !== 1) return ['a column is written without a table'];
  if (columns.some((column) => column.toLowerCase() === name.toLowerCase())) return [];
  const guess = nearest(name, columns);
  const meant = guess === undefined ? '' : `; did you mean ${guess}?`;
  return [`there is no column ${name}${meant}; allowed: ${columns.join(', ')}`];
}

function refuseFunction(expression: JsonObject): readonly string[] {
  const name = String(expression['function_name']).toLowerCase();
  if (expression['is_operator'] === true || Object.hasOwn(sharedOperators, name)) {
    return Object.hasOwn(sharedOperators, name) ? [] : [`operator ${name} is not shared by DuckDB and Spark`];
  }
  if (expression['distinct'] === true || (expression['filter'] ?? null) !== null)
    return [`${name}: aggregates are not allowed`];
  if (!functions.has(name) || ![undefined, '', 'main'].includes(expression['schema'] as string | undefined)) {
    const guess = nearest(name, sharedFunctions);
    return [
      `function ${name} is not allowed${guess === undefined ? '' : `; did you mean ${guess}?`}; allowed: ${sharedFunctions.join(', ')}`,
    ];
  }
  return [];
}

/** Expressions directly below, wherever the node keeps them. */
function nested(node: JsonObject): readonly JsonObject[] {
  return Object.entries(node).flatMap(([key, value]) => {
    if (key === 'order_bys' || key === 'cast_type' || key === 'value') return [];
    return (Array.isArray(value) ? value : [value]).flatMap((entry: Json) => {
      if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) return [];
      const child = entry as JsonObject;
      return 'class' in child ? [child] : nested(child);
    });
  });
}

function object(value: Json | undefined): JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : {};
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
