/** Which relationship an embed means, by PostgREST's rules for names and hints. */
import { Refusal } from "../refusal.ts";
import type { SelectEmbed } from "../request/types.ts";
import type { AnyRelationship, Relation, Snapshot } from "../schema/types.ts";
import { nearest } from "./nearest.ts";

/** @throws Refusal PGRST200 when there is none, PGRST201 when there are several. */
export function findRelationship(
  snapshot: Snapshot,
  schema: string,
  from: Relation,
  embed: SelectEmbed,
): AnyRelationship {
  const { name, hint } = embed;
  const all = (snapshot.relationships.get(from.oid) ?? []).filter(({ to }) => to.schema === schema);
  const computed = all.filter((one) => one.kind === "computed" && one.routine.name === name);
  const found = computed.length > 0 ? computed : all.filter((one) => matches(one, name, hint));
  const [first] = found;
  if (first === undefined) throw none(all, from, name, schema);
  if (found.length > 1) throw ambiguous(found, from, name);
  return first;
}

function matches(one: AnyRelationship, name: string, hint: string | undefined): boolean {
  if (one.kind === "computed") return false;
  if (one.from === one.to) return matchesSelf(one, name, hint);
  if (hint === undefined)
    return one.to.name === name || (one.kind === "key" && (one.constraint === name || isColumn(one, name)));
  if (one.to.name !== name) return false;
  if (one.kind === "junction") return one.junction.name === hint;
  return (
    one.constraint === hint || (one.columns.length === 1 && one.columns[0]?.some((column) => column === hint) === true)
  );
}

/** Within one table the table's name means its children, the column's or the constraint's name the parent. */
function matchesSelf(
  one: Exclude<AnyRelationship, { kind: "computed" }>,
  name: string,
  hint: string | undefined,
): boolean {
  if (one.kind === "junction") return one.to.name === name && hint === one.junction.name;
  if (hint === undefined)
    return one.cardinality === "m2o" ? one.constraint === name || isColumn(one, name) : one.to.name === name;
  if (one.to.name !== name || one.cardinality === "m2o") return false;
  return one.constraint === hint || (one.columns.length === 1 && one.columns[0]?.[1] === hint);
}

/** `client_id(*)`: the column that refers. */
const isColumn = ({ cardinality, columns }: Extract<AnyRelationship, { kind: "key" }>, name: string) =>
  cardinality !== "o2m" && columns.length === 1 && columns[0]?.[0] === name;

function none(all: readonly AnyRelationship[], from: Relation, name: string, schema: string): Refusal {
  const near = nearest(name, new Set(all.map(({ to }) => to.name)));
  return new Refusal(
    400,
    "PGRST200",
    `Could not find a relationship between '${from.name}' and '${name}' in the schema cache`,
    {
      details: `Searched for a foreign key relationship between '${from.name}' and '${name}' in the schema '${schema}', but no matches were found.`,
      hint: near === undefined ? null : `Perhaps you meant '${near}' instead of '${name}'.`,
    },
  );
}

function ambiguous(found: readonly AnyRelationship[], from: Relation, name: string): Refusal {
  const hints = found.map((one) => `'${one.to.name}!${hintOf(one)}'`).join(", ");
  return new Refusal(
    300,
    "PGRST201",
    `Could not embed because more than one relationship was found for '${from.name}' and '${name}'`,
    {
      details: found.map(describe),
      hint: `Try changing '${name}' to one of the following: ${hints}. Find the desired relationship in the 'details' key.`,
    },
  );
}

function hintOf(one: AnyRelationship): string {
  if (one.kind === "key") return one.constraint;
  return one.kind === "junction" ? one.junction.name : one.routine.name;
}

const cardinalities = { m2o: "many-to-one", o2m: "one-to-many", o2o: "one-to-one" } as const;

function describe(one: AnyRelationship): Readonly<Record<string, string>> {
  const embedding = `${one.from.name} with ${one.to.name}`;
  const columns = (pairs: readonly (readonly [string, string])[], at: 0 | 1) =>
    pairs.map((pair) => pair[at]).join(", ");
  if (one.kind === "key")
    return {
      cardinality: cardinalities[one.cardinality],
      embedding,
      relationship: `${one.constraint} using ${one.from.name}(${columns(one.columns, 0)}) and ${one.to.name}(${columns(one.columns, 1)})`,
    };
  if (one.kind === "computed")
    return { cardinality: one.isToOne ? "many-to-one" : "one-to-many", embedding, relationship: one.routine.name };
  const [near, far] = one.constraints;
  return {
    cardinality: "many-to-many",
    embedding,
    relationship: `${one.junction.name} using ${near}(${columns(one.near, 1)}) and ${far}(${columns(one.far, 0)})`,
  };
}

export function isToOne(one: AnyRelationship): boolean {
  if (one.kind === "computed") return one.isToOne;
  return one.kind === "key" && one.cardinality !== "o2m";
}
