/**
 * How much of a tenant's may be under way at a time: beyond it nothing more is begun, so that a storm of creations fills neither the
 * queue nor the Git host, and what was accepted is done.
 *
 * 1. Counted are the ledger's open operations and the requests that are on their way to one, one admission of a tenant at a time: a
 *    thousand at once get no more places than a thousand in a row. Several portals together may pass the limit by what each of them
 *    has in its hands.
 * 2. What ends, approves or closes something needs no place: a full queue can always be emptied.
 */
import type { Target } from "../../platform/identity/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { countOpenOperations } from "../../platform/store/index.ts";
import { queueFull } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { type AnyRoute, isChange } from "./route.ts";

export type Places = {
  /** A place until the answer gives it back. @throws NEB741 when as many of the tenant's operations are open as may be. */
  take(sql: Sql, tenant: string): Promise<() => void>;
};

/** What the work of one takes about; who comes back then finds room, or is told again. */
const retryAfterSeconds = 15;

type Desk = { inside: number; waiting: number; last: Promise<unknown> };

export function makePlaces(most: number): Places {
  const desks = new Map<string, Desk>();

  const admit = async (sql: Sql, tenant: string, desk: Desk): Promise<void> => {
    const inside = desk.inside; // those who leave meanwhile may not be in what is counted now
    if ((await countOpenOperations(sql, tenant)) + inside < most) desk.inside += 1;
    else
      throw queueFull(`${tenant} has ${most} operations that have not ended, and no more are taken`, {
        fields: { retryAfterSeconds, limit: most },
      });
  };

  return {
    async take(sql, tenant) {
      const desk = desks.get(tenant) ?? { inside: 0, waiting: 0, last: Promise.resolve() };
      desks.set(tenant, desk);
      const forget = () => {
        if (desk.inside + desk.waiting === 0) desks.delete(tenant);
      };
      desk.waiting += 1;
      const mine = desk.last.then(() => admit(sql, tenant, desk));
      desk.last = mine.catch(() => undefined);
      try {
        await mine;
      } finally {
        desk.waiting -= 1;
        forget();
      }
      return () => {
        desk.inside -= 1;
        forget();
      };
    },
  };
}

/** Changes under these end as operations, where they name a tenant. */
const asking: ReadonlySet<string> = new Set(["databases:write", "databases:run", "projects:write"]);

/** The place of a change that ends as an operation; to be given back when all of it is committed. Others need none. */
export async function takePlace(
  entry: AnyRoute,
  target: Target | null,
  { sql, places }: Pick<Portal, "sql" | "places">,
): Promise<() => void> {
  const tenant = target?.tenant ?? null;
  if (tenant === null || !isChange(entry) || !asking.has(entry.scope)) return () => undefined;
  return places.take(sql, tenant);
}
