import type { Argument, Column, Relation, Routine, RoutineResult } from "./types.ts";

export type BuiltRoutine = {
  readonly routine: Routine;
  /** The relation whose row it takes as its only argument. */
  readonly rowOf?: string;
  /** Declared `rows 1`. */
  readonly isOneRow: boolean;
};

const volatilities: Readonly<Record<string, Routine["volatility"]>> = { i: "immutable", s: "stable", v: "volatile" };

export function routineOf(row: readonly (string | null)[], relations: ReadonlyMap<string, Relation>): BuiltRoutine {
  const [schema, name, volatility, isSet, , resultType, resultRelation, rows] = row.map((value) => value ?? "");
  const [names, modes, types, defaults, isVariadic, comment, firstRelation, count] = row.slice(8);
  const list = parametersOf(parse<string[]>(names), parse<string[]>(modes), parse<string[]>(types));
  const inputs = list.filter(({ mode }) => mode === "i" || mode === "b" || mode === "v");
  const outputs = list.filter(({ mode }) => mode === "o" || mode === "b" || mode === "t");
  const required = inputs.length - Number(defaults ?? 0);
  const args = inputs.map(
    (one, i): Argument => ({
      ...{ name: one.name, type: one.type, isRequired: i < required },
      isVariadic: isVariadic === "true" && one.mode === "v",
    }),
  );
  const takesRow =
    Number(count) === 1 && firstRelation !== null && firstRelation !== undefined && firstRelation !== "0";
  return {
    routine: {
      ...{ schema: schema ?? "", name: name ?? "", arguments: args, isSet: isSet === "true", comment: comment ?? null },
      volatility: volatilities[volatility ?? "v"] ?? "volatile",
      result: resultOf(resultType ?? "", relations.get(resultRelation ?? ""), outputs),
    },
    ...(takesRow ? { rowOf: firstRelation } : {}),
    isOneRow: Number(rows) === 1,
  };
}

type Parameter = { readonly name: string; readonly mode: string; readonly type: string };

function parametersOf(names: string[] | null, modes: string[] | null, types: string[] | null): Parameter[] {
  return (types ?? []).map((type, i) => ({ name: names?.[i] ?? "", mode: modes?.[i] ?? "i", type }));
}

const parse = <T>(text: string | null | undefined) => JSON.parse(text ?? "null") as T | null;

function resultOf(type: string, relation: Relation | undefined, outputs: readonly Parameter[]): RoutineResult {
  if (relation !== undefined) return { kind: "rows", relation, columns: relation.columns };
  if (type === "void") return { kind: "void" };
  if (outputs.length > 0)
    return {
      kind: "rows",
      columns: new Map(outputs.map((one, i) => [one.name || `column${i + 1}`, outputColumn(one, i)])),
    };
  return { kind: "scalar", type };
}

const outputColumn = ({ name, type }: Parameter, i: number): Column => ({
  ...{ name: name || `column${i + 1}`, type, isNullable: true, default: null, isGenerated: false },
  ...{ comment: null, labels: null, maxLength: null },
});
