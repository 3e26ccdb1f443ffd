import type { FieldProblem } from "../errors.ts";

/** A column as the data API describes it (JSON Schema). */
export type ColumnSchema = {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly maxLength?: number;
  readonly description?: string;
  readonly default?: unknown;
};
export type TableSchema = {
  readonly properties?: Readonly<Record<string, ColumnSchema>>;
  readonly required?: readonly string[];
};

/**
 * Every field of a record that the table cannot take, before it is asked: what is missing, what it does not have, what has another type. What
 * only the database knows - keys, checks, policies - it says itself.
 * @param isWhole false for a change: what it does not name stays.
 */
export function recordProblems(
  { properties = {}, required = [] }: TableSchema,
  record: Readonly<Record<string, unknown>>,
  { isWhole, at = "" }: { readonly isWhole: boolean; readonly at?: string },
): FieldProblem[] {
  const path = (name: string) => `${at}${name}`;
  const missing = isWhole ? required.filter((name) => record[name] === undefined) : [];
  return [
    ...missing.map((name) => ({ path: path(name), message: "is required" })),
    ...Object.entries(record).flatMap(([name, value]) => {
      const column = Object.hasOwn(properties, name) ? properties[name] : undefined;
      const message = column === undefined ? "is not a column of the table" : mismatch(column, value);
      return message === undefined ? [] : [{ path: path(name), message }];
    }),
  ];
}

function mismatch(column: ColumnSchema, value: unknown): string | undefined {
  const types = column.type === undefined ? [] : [column.type].flat();
  if (types.length === 0) return undefined;
  if (value === null) return types.includes("null") ? undefined : "may not be null";
  if (!types.some((type) => fits(type, value))) return `must be ${types.join(" or ")}${ofType(column)}`;
  if (column.enum !== undefined && !column.enum.includes(value))
    return `must be one of ${column.enum.filter((one) => one !== null).join(", ")}`;
  const { maxLength } = column;
  if (maxLength !== undefined && typeof value === "string" && [...value].length > maxLength)
    return `has more than ${maxLength} characters`;
  return undefined;
}

const ofType = ({ format }: ColumnSchema): string => (format === undefined ? "" : ` (${format})`);

/** Large numbers come as text, for JSON rounds them; text of a number is for the database to read. */
function fits(type: string, value: unknown): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value) || (typeof value === "string" && /^-?\d+$/.test(value));
    case "number":
      return typeof value === "number" || (typeof value === "string" && /^-?(\d|\.\d|NaN|Infinity)/.test(value));
    case "boolean":
      return typeof value === "boolean";
    case "array":
      return Array.isArray(value) || typeof value === "string";
    case "string":
      return typeof value === "string";
    case "null":
      return false; // null itself was let through before
    default:
      return true;
  }
}
