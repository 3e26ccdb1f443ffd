/** Reading Postgres's parse tree: plain JSON whose shape is the grammar's, asked for by name and never trusted to be there. */
export type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value);

/** What stands at a path of members, when it is a node. */
export function nodeAt(node: unknown, ...path: readonly string[]): Node | undefined {
  let at: unknown = node;
  for (const member of path) at = isNode(at) ? at[member] : undefined;
  return isNode(at) ? at : undefined;
}

export function textAt(node: unknown, ...path: readonly string[]): string | undefined {
  const last = path.at(-1);
  const holder = path.length > 1 ? nodeAt(node, ...path.slice(0, -1)) : isNode(node) ? node : undefined;
  const found = last === undefined ? undefined : holder?.[last];
  return typeof found === "string" ? found : undefined;
}

export const flagAt = (node: unknown, member: string): boolean => isNode(node) && node[member] === true;

export function listAt(node: unknown, member: string): readonly Node[] {
  const found = isNode(node) ? node[member] : undefined;
  return Array.isArray(found) ? found.filter(isNode) : [];
}

/** The one member of a wrapped node: `{ "IndexStmt": {...} }`. */
export function unwrap(node: unknown): { readonly type: string; readonly node: Node } {
  const [entry] = isNode(node) ? Object.entries(node) : [];
  return { type: entry?.[0] ?? "", node: isNode(entry?.[1]) ? entry[1] : {} };
}

/** Every node below, with its type where it is wrapped. */
export function* walk(value: unknown): Iterable<{ readonly type: string; readonly node: Node }> {
  if (Array.isArray(value)) for (const one of value) yield* walk(one);
  if (!isNode(value)) return;
  for (const [type, node] of Object.entries(value)) {
    if (/^[A-Z]/.test(type) && isNode(node)) yield { type, node };
    yield* walk(node);
  }
}

/** A relation as the statement names it; without a schema it is the first of the search path: `public`. */
export function relationName(range: unknown): string | undefined {
  const name = textAt(range, "relname");
  return name === undefined ? undefined : `${textAt(range, "schemaname") ?? "public"}.${name}`;
}

/** A name of parts, as `DROP` has it: of a relation, a function, a type. */
export function listedName(object: Node): string | undefined {
  const list = nodeAt(object, "List");
  const parts = [
    ...(list === undefined ? [] : listAt(list, "items")),
    ...listAt(nodeAt(object, "ObjectWithArgs"), "objname"),
    ...listAt(nodeAt(object, "TypeName"), "names"),
  ].flatMap((one) => textAt(one, "String", "sval") ?? []);
  if (parts.length === 0) return textAt(object, "String", "sval");
  return parts.length === 1 ? `public.${parts[0]}` : parts.slice(-2).join(".");
}

/** The name of a type as it was written: `int4`, `varchar`. */
export const typeName = (name: unknown): string =>
  listAt(name, "names")
    .flatMap((one) => textAt(one, "String", "sval") ?? [])
    .at(-1) ?? "";
