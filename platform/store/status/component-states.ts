import type { HealthState } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";

/** How a part of the platform was from this moment on. */
export type ComponentChange = {
  readonly component: string;
  readonly state: HealthState;
  /** Codes of docs/errors.md. */
  readonly reasons: readonly string[];
  readonly at: Date;
};

/** Writes what is another than what stands there last; a change that several saw is written once. */
export const recordComponentChanges = (sql: Sql, changes: readonly ComponentChange[]): Promise<void> =>
  sql.tx(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('nebuladb component states'))");
    for (const { component, state, reasons, at } of changes)
      await tx.query(
        `insert into component_states (component, state, reasons, at)
         select $1, $2, $3, $4 where not exists (
           select from (select state, reasons, at from component_states where component = $1 order by id desc limit 1) last
           where last.at > $4 or (last.state = $2 and last.reasons = $3))`,
        [component, state, reasons, at],
      );
  });

/** The newest first. */
export const listComponentChanges = (sql: Sql, limit: number): Promise<readonly ComponentChange[]> =>
  sql.query<ComponentChange>("select component, state, reasons, at from component_states order by id desc limit $1", [
    limit,
  ]);

/** What each component was last is kept, however old. */
export async function pruneComponentChanges(sql: Sql, days: number): Promise<void> {
  await sql.query(
    `delete from component_states old where at < clock_timestamp() - make_interval(days => $1)
       and exists (select from component_states newer where newer.component = old.component and newer.id > old.id)`,
    [days],
  );
}
