/**
 * Which table's column a view's column shows, from the view's parse tree as the catalogue keeps it. Only the outermost target list counts:
 * it stands at depth 2, and every entry says where its column comes from.
 */
export type Origin = { readonly relation: string; readonly column: number };

/** By the number of the view's column. */
export function originsOf(action: string): ReadonlyMap<number, Origin> {
  const origins = new Map<number, Origin>();
  let depth = 0;
  let number = 0;
  for (const found of action.matchAll(/\\.|[{}]|:resno (\d+)|:resorigtbl (\d+) :resorigcol (\d+)/gs)) {
    const [text, resno, relation, column] = found;
    if (text === "{") depth++;
    else if (text === "}") depth--;
    else if (depth !== 2) continue;
    else if (resno !== undefined) number = Number(resno);
    else if (relation !== undefined && relation !== "0") origins.set(number, { relation, column: Number(column) });
  }
  return origins;
}

/** The same down to tables: a view of a view shows what the inner one shows. */
export function trace(
  views: ReadonlyMap<string, ReadonlyMap<number, Origin>>,
): ReadonlyMap<string, ReadonlyMap<number, Origin>> {
  const toTable = (origin: Origin, depth: number): Origin | undefined => {
    const inner = views.get(origin.relation);
    if (inner === undefined) return origin;
    const next = inner.get(origin.column);
    return next === undefined || depth > 30 ? undefined : toTable(next, depth + 1);
  };
  return new Map(
    [...views].map(([view, origins]) => {
      const traced = [...origins].flatMap(([number, origin]): [number, Origin][] => {
        const table = toTable(origin, 0);
        return table === undefined ? [] : [[number, table]];
      });
      return [view, new Map(traced)];
    }),
  );
}
